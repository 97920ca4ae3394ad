"""What real libvirt and QEMU make of sizes: a plan right after `up` is empty."""

import subprocess

from tests.disks import raw
from tests.e2e.labfiles import blank_lab, virsh

SIZES = ("5G", "1G", "100M", "1536B", "1B", "1.3MiB")


def test_every_size_is_stored_as_it_is_wanted(make_lab, labdir):
    """Written down, or an image's own, which may be odd. A lab that was made so settles, and its disks grow."""
    for name, form, size in (("decimal.qcow2", "qcow2", 10**9), ("odd.qcow2", "qcow2", 1536)):
        create = ["qemu-img", "create", "-q", "-f", form, str(labdir / name), str(size)]
        subprocess.run(create, check=True)
    raw(labdir / "sectors.raw", 512 * 1025)
    disks = [{"name": f"d{index}", "size": size} for index, size in enumerate(SIZES)]
    disks += [
        {"name": f"i{index}", "image": f"./{name}"}
        for index, name in enumerate(("decimal.qcow2", "odd.qcow2", "sectors.raw"))
    ]
    disks.append({"name": "shared", "volume": "shared"})
    rates = {"inbound": "1MB/s", "outbound": "1B/s"}
    networks = {"n": {"mode": "isolated"}}
    web = {"state": "off", "disk": "5G", "memory": "100M", "max_memory": "1G", "disks": disks}
    lab = make_lab(blank_lab("sizes", networks=networks, vms={"web": web}))
    web["networks"] = [{"name": "n", "bandwidth": rates}]
    lab.content["volumes"] = {"shared": {"size": "1536B"}}
    lab.up()
    assert lab.ok("up").stderr.count("vms.web.disk: 5G is rounded up to 4882813KiB, whole KiB") == 1
    assert f"{5 * 10**9 + 512}" in virsh("vol-dumpxml", "web.root", "--pool", "labctl-sizes")
    web["disk"], disks[2]["size"] = "5001M", "101M"
    assert lab.plan() == {"disk/web/root": ["update", "size"], "disk/web/d2": ["update", "size"]}
    lab.up()
    web["disk"] = "5G"
    refused = lab.run("plan")
    assert refused.code == 2
    assert "can't shrink from 4769.3MiB to 4768.4MiB" in refused.stderr
    lab.destroy()
