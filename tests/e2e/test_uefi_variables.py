"""Snapshots of VMs whose UEFI keeps variables."""

import hashlib
import stat
from pathlib import Path

from tests.e2e.labfiles import micro_lab, virsh

POOL = Path("/var/lib/libvirt/images/labctl-time")
LIBVIRTS = Path("/var/lib/libvirt/qemu/nvram")
VARIABLES = POOL / "web._nvram"
VARIABLES_OF_GUEST = "/sys/firmware/efi/efivars"
MOUNTED = f"modprobe efivarfs; mount -t efivarfs none {VARIABLES_OF_GUEST} 2>/dev/null;"
GUID = "5f0c91d2-0000-4000-8000-000000000001"
KEPT = r"\007\000\000\000"  # without power too, and for the system that runs


def test_the_variables_go_back(make_lab, micro):
    """With the memory, and with a VM that was off then."""
    lab = make_lab(
        micro_lab(
            "time", micro, networks={"front": {}}, vms={"web": {"firmware": "uefi", "memory": "256MiB"}}
        )
    )
    lab.content["defaults"]["networks"] = ["front"]
    lab.up()
    assert lab.plan() == {}
    add(lab, "Then")
    lab.ok("snapshot", "save", "running")
    then = content()
    add(lab, "Now")
    assert content() != then
    lab.ok("snapshot", "restore", "running", "--yes")
    assert (content(), there(lab)) == (then, ["Then"])
    assert stat.S_IMODE(VARIABLES.stat().st_mode) == 0o600

    lab.ok("halt")
    off = content()
    lab.ok("snapshot", "save", "off")
    lab.up()
    add(lab, "Now")
    virsh("destroy", "time.web")
    virsh("undefine", "time.web", "--nvram")
    lab.ok("snapshot", "restore", "off", "--yes")
    assert content() == off
    lab.up()
    assert there(lab) == ["Then"], "QEMU can open what was copied"
    add(lab, "Again")
    lab.destroy()
    assert not POOL.exists()


def add(lab, name):
    """Let the guest add a variable."""
    lab.ssh("web", f"{MOUNTED} printf '{KEPT}x' >{VARIABLES_OF_GUEST}/Lab{name}-{GUID}")


def there(lab):
    """The variables that the guest added."""
    names = lab.ssh("web", f"{MOUNTED} cd {VARIABLES_OF_GUEST}; ls -d Lab*").split()
    return [name.removeprefix("Lab").removesuffix(f"-{GUID}") for name in names]


def content():
    return hashlib.sha256(VARIABLES.read_bytes()).hexdigest()
