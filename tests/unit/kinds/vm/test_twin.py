"""The twin that a golden image is made with."""

from labctl.core.record import replace
from labctl.kinds.vm import xml
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.filesystems import FilesystemUse
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.vm.twin import make_twin

DISKS = (
    DiskUse("root", "/pool/web.root", "web/root", target="vda"),
    DiskUse("data", "/pool/web.data", "web/data", target="vdb"),
    DiskUse("seed", "/pool/web.seed", format="raw", readonly=True, target="vdc"),
)
VM = VmSpec(
    lab="shop",
    name="web",
    disks=DISKS,
    nics=(NicUse("front", "52:54:00:00:00:01", "shop.front"),),
    filesystems=(FilesystemUse("labctl-1", "/home/me/app"), FilesystemUse("labctl-2", "/home/me", "9p")),
    console_log="/pool/web.console",
    file="/labs/Labfile.yaml",
)


def test_it_boots_with_the_variables_of_the_vms_uefi():
    made = xml.render(replace(VM, firmware="uefi", nvram="/pool/web._nvram"))
    make_twin(made, "/pool/web.golden")
    assert made.findtext("os/nvram") == "/pool/web._nvram"


def test_it_touches_nothing_of_the_vm_and_reaches_nobody():
    """Another name and root disk; no network, folder, other disk, console log, or mark of labctl."""
    made = xml.render(VM)
    make_twin(made, "/pool/web.golden")
    assert made.findtext("name") == "shop.web.golden"
    assert made.find("uuid") is None
    assert made.find("metadata") is None
    assert [each.get("file") for each in made.iterfind("devices/disk/source")] == [
        "/pool/web.golden",
        "/pool/web.seed",
    ]
    assert made.find("devices/interface") is None
    assert made.find("devices/filesystem") is None
    assert made.find(".//log") is None
    assert made.find("devices/channel") is not None
