"""What libvirt chose is carried over to a new definition."""

from xml.etree import ElementTree as ET

from labctl.kinds.vm import preserve
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.disks_and_nics import DiskUse
from labctl.kinds.vm.spec import VmSpec


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


def test_the_generation_stays():
    """Only a restore of its memory makes another one of a guest."""
    old = ET.fromstring("<domain><genid>43dc0cf8</genid></domain>")
    new = vm_xml.render(VmSpec("lab", "a"))
    preserve.generation(old, new)
    assert new.find("genid").text == "43dc0cf8"


def test_a_domain_without_a_generation_gets_one():
    new = vm_xml.render(VmSpec("lab", "a"))
    preserve.generation(ET.fromstring("<domain/>"), new)
    assert new.find("genid").text == ""
    preserve.generation(ET.fromstring("<domain><genid>1</genid></domain>"), ET.fromstring("<domain/>"))
