"""A VM that is rendered reads back the same."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from labctl.core.diff import diff
from labctl.core.spec import Effect
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.disks_and_nics import DiskUse
from labctl.kinds.vm.spec import VmSpec
from tests.strategies import vms


@given(vms())
def test_a_vm_reads_back(spec):
    assert vm_xml.read(vm_xml.render(spec)) == spec


@given(vms())
def test_edits_that_change_nothing_leave_the_spec(spec):
    assert vm_xml.effective(spec) == spec


def test_scsi_disks_are_on_virtio_scsi():
    """15 on each controller, as libvirt places them."""
    names = [f"d{n}" for n in range(17)]
    disks = tuple(DiskUse(name, f"/pool/a.{name}", bus="scsi") for name in names)
    root = vm_xml.render(VmSpec("lab", "a", disks=disks).with_targets({}))
    controllers = [(each.get("index"), each.get("model")) for each in root.iterfind("devices/controller")]
    assert controllers == [("0", "virtio-scsi"), ("1", "virtio-scsi")]
    own = ("devices", "add", "<controller type='scsi' index='0' model='lsilogic'/>")
    root = vm_xml.render(VmSpec("lab", "a", disks=disks[:1], xml=(own,)).with_targets({}))
    assert [each.get("model") for each in root.iterfind("devices/controller")] == ["lsilogic"]


@pytest.mark.parametrize(
    ("arch", "firmware", "features"),
    [
        ("x86_64", "bios", ["acpi", "apic"]),
        ("aarch64", "uefi", ["acpi"]),
        ("aarch64", "bios", []),
        ("riscv64", "bios", []),
    ],
)
def test_each_architecture_has_its_features_and_devices(arch, firmware, features):
    """Elsewhere than on a PC, ACPI comes with UEFI; a TPM is a TIS, and a screen has a keyboard beside it."""
    spec = VmSpec("lab", "a", arch=arch, firmware=firmware, tpm=True, graphics="vnc")
    root = vm_xml.render(spec)
    assert [each.tag for each in root.findall("features/*")] == features
    assert root.find("devices/memballoon").get("model") == "virtio"
    x86 = arch == "x86_64"
    assert root.find("devices/tpm").get("model") == ("tpm-crb" if x86 else "tpm-tis")
    assert (root.find("devices/input") is None) is x86
    assert (root.find("devices/controller[@type='usb']") is None) is x86


def test_an_edit_may_take_the_balloon_away():
    none = ("devices", "add", "<memballoon model='none'/>")
    root = vm_xml.render(VmSpec("lab", "a", xml=(none,)))
    assert [each.get("model") for each in root.iterfind("devices/memballoon")] == ["none"]


@pytest.mark.parametrize("kind", ["vnc", "spice"])
def test_a_display_is_on_a_socket_and_one_on_a_port_gets_there_by_a_restart(kind):
    wanted = VmSpec("lab", "a", graphics=kind)
    root = vm_xml.render(wanted)
    display = root.find("devices/graphics")
    assert ET.tostring(display) == f'<graphics type="{kind}"><listen type="socket" /></graphics>'.encode()
    display.attrib |= {"port": "-1", "autoport": "yes", "listen": "127.0.0.1"}
    display.find("listen").attrib |= {"type": "address", "address": "127.0.0.1"}
    seen = vm_xml.read(root)
    (change,) = diff(seen, wanted)
    assert (change.effect, change.condition) == (
        Effect.RESTART,
        "its display is open to every user of the host",
    )


def test_a_display_that_the_labfile_opens_itself_is_no_drift():
    opened = ("./devices/graphics/listen/@type", "set", "address")
    spec = vm_xml.effective(VmSpec("lab", "a", graphics="vnc", xml=(opened,)))
    assert diff(vm_xml.read(vm_xml.render(spec)), spec) == ()
