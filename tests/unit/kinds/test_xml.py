"""What is rendered reads back the same, and libvirt's own schemas accept it."""

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings

from labctl.core import xmltree
from labctl.kinds.network import observe as network_observe
from labctl.kinds.network import xml as network_xml
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm import observe as vm_observe
from labctl.kinds.vm import preserve
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.devices.disk import DISK
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.vm.uses import DiskUse
from tests.strategies import networks, vms

SCHEMAS = Path("/usr/share/libvirt/schemas")


@given(networks())
def test_a_network_reads_back(spec):
    assert network_xml.read(network_xml.render(spec)) == spec


@given(networks())
def test_ports_of_our_bridges_forward_at_once(spec):
    """With STP a guest that booted within 4 s is ready and can't be reached."""
    bridge = network_xml.render(spec).find("bridge")
    assert spec.mode in ("bridge", "macvtap") or (bridge.get("stp"), bridge.get("delay")) == ("off", "0")


@given(networks())
def test_nat_is_for_both_families(spec):
    """A ULA that is forwarded as it is never gets an answer."""
    nat = network_xml.render(spec).find("forward/nat")
    assert (nat is not None) == bool(spec.mode == "nat" and spec.subnet6)


@given(vms())
def test_a_vm_reads_back(spec):
    assert vm_xml.read(vm_xml.render(spec)) == spec


@given(vms(), networks())
def test_what_is_ours_is_also_read_as_others_see_it(vm, network):
    spec, foreign = vm_observe.read(vm.lab, xmltree.to_text(vm_xml.render(vm)))
    assert (foreign.name, foreign.lab, spec) == (vm.libvirt_name, vm.lab, vm)
    spec, foreign = network_observe.read(network.lab, xmltree.to_text(network_xml.render(network)))
    assert (foreign.name, foreign.lab, spec) == (network.libvirt_name, network.lab, network)


@given(vms())
def test_edits_that_change_nothing_leave_the_spec(spec):
    assert vm_xml.effective(spec) == spec


@pytest.mark.skipif(
    not SCHEMAS.is_dir() or not shutil.which("xmllint"), reason="needs libvirt's schemas and xmllint"
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(networks(), vms())
def test_libvirts_schemas_accept_it(tmp_path, network, vm):
    for name, root in (("network", network_xml.render(network)), ("domain", vm_xml.render(vm))):
        file = tmp_path / f"{name}.xml"
        file.write_text(xmltree.to_text(root))
        run = subprocess.run(
            ["xmllint", "--noout", "--relaxng", SCHEMAS / f"{name}.rng", file],
            check=False,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr


def test_an_edit_is_in_the_spec_and_once_in_the_xml():
    """What it adds is neither missing from what is compared, nor rendered a second time."""
    plain = NetworkSpec("lab", "n", bridge="b", xml=(("dns", "add", "<forwarder addr='192.0.2.1'/>"),))
    spec = network_xml.effective(plain)
    assert spec.forwarders == ("192.0.2.1",)
    assert xmltree.to_text(network_xml.render(spec)) == xmltree.to_text(network_xml.render(plain))
    added = "<interface><mac address='52:54:00:00:00:99'/></interface>"
    vm = vm_xml.effective(VmSpec("lab", "a", xml=(("devices", "add", added),)))
    assert [nic.mac for nic in vm.nics] == ["52:54:00:00:00:99"]
    assert len(vm_xml.render(vm).findall("devices/interface")) == 1


@pytest.mark.parametrize("bus", ["virtio", "scsi", "sata", "ide"])
def test_a_seed_is_a_cd_rom_where_no_disk_can_be_read_only(bus):
    """QEMU refuses read-only disks on ATA buses."""
    seed = DISK.render(DiskUse("seed", "/pool/a.seed", bus=bus, readonly=True, target="sda"))
    data = DISK.render(DiskUse("data", "/pool/a.data", bus=bus, target="sdb"))
    assert seed.get("device") == ("cdrom" if bus in ("sata", "ide") else "disk")
    assert data.get("device") == "disk"


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


def test_controllers_keep_their_places():
    """What libvirt chose is carried over, beside what is written out."""
    controller = "<controller type='{}' index='0' model='{}'><address type='pci' slot='{}'/></controller>"
    have = controller.format("scsi", "virtio-scsi", "7") + controller.format("virtio-serial", "", "9")
    old = ET.fromstring(f"<domain><devices>{have}</devices></domain>")
    new = vm_xml.render(VmSpec("lab", "a", disks=(DiskUse("d", "/pool/a.d", bus="scsi", target="sda"),)))
    preserve.places(old, new)
    slots = {c.get("type"): c.find("address").get("slot") for c in new.iterfind("devices/controller")}
    assert slots == {"scsi": "7", "virtio-serial": "9"}


def test_another_machine_takes_nothing_over():
    """A q35 has no pci-root, which libvirt would refuse."""
    root = "<controller type='pci' index='0' model='pci-root'/>"
    old = ET.fromstring(f"<domain><devices>{root}</devices></domain>")
    new = vm_xml.render(VmSpec("lab", "a", machine="q35"))
    preserve.places(old, new)
    assert new.find("devices/controller") is None


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


def test_a_boot_server_stands_alone():
    """Also where no guest has a reservation yet: else each plan would want the network anew."""
    spec = NetworkSpec("lab", "n", host4="10.0.0.1/24", boot_file="boot.ipxe", boot_server="10.0.0.5")
    assert network_xml.read(network_xml.render(spec)) == spec
