"""An image as a Labfile's `build:` asks for it: it boots without help by either firmware, and holds what was asked."""

import pytest

from tests.e2e import built

GIB = 1 << 30


@pytest.mark.slow
def test_a_bootable_image_boots_by_bios_and_by_uefi(make_lab):
    """Both to the end of cloud-init, their roots grown to their disks."""
    image = built.built()
    vms = {
        "bios": {},
        "uefi": {"firmware": "uefi", "ready": [{"exec": "test -d /sys/firmware/efi"}]},
    }
    defaults = {"image": str(image.folder / "image.qcow2"), "disk": "5GiB", "networks": ["front"]}
    lab = make_lab(
        {"labfile": 1, "name": "built", "defaults": defaults, "networks": {"front": {}}, "vms": vms}
    )
    lab.up()
    for vm in vms:
        status = lab.ssh(vm, "cloud-init status --long; sudo cat /run/cloud-init/result.json")
        assert "status: done" in status, status
        assert '"errors": []' in status, status
        assert int(lab.ssh(vm, "df -B1 --output=size / | tail -n 1")) > 4 * GIB, vm
        assert "lsof" in lab.ssh(vm, "dpkg-query -W lsof; cat /etc/lab/log")
        asked = lab.ssh(
            vm, "stat -c %a:%U /etc/lab/purpose; sudo cat /etc/lab/purpose; tail -n 2 /etc/lab/log"
        )
        assert asked.splitlines() == ["640:root", "to be tested", "root", "/root"]
        assert lab.ssh(vm, "ls /usr/sbin/policy-rc.d || true") == "", "services could not start"
    assert lab.ssh("bios", "test -d /sys/firmware/efi || echo none").strip() == "none"
