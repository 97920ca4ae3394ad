"""The definition of a VM that comes after another one."""

from xml.etree import ElementTree as ET

import pytest

from labctl.core import xmltree
from labctl.core.address import Address
from labctl.core.record import replace
from labctl.kinds.vm import definition, xml
from labctl.kinds.vm.disks_and_nics import SavedMemory
from tests.composed import specs

CONTENT = {"networks": {"front": {}}, "vms": {"web": {"image": "debian-12", "networks": ["front"]}}}
PLACE = "<address type='pci' domain='0x0000' bus='0x07' slot='0x00' function='0x0'/>"
BELOW = "<backingStore type='file'><format type='qcow2'/><source file='/store/old.img'/></backingStore>"


@pytest.fixture
def web():
    return specs(CONTENT)[Address("vm", "web")]


@pytest.fixture
def was(web):
    """The XML of the VM as it was: its card has a place, and its disk stands on an old file."""
    root = xml.render(replace(web, keys="old keys", hosts="told"))
    root.find("devices/interface").append(ET.fromstring(PLACE))
    root.find("devices/disk").append(ET.fromstring(BELOW))
    root.find("genid").text = "5f0c91d2-0000-4000-8000-000000000001"
    return xmltree.to_text(root)


def anew(spec, was):
    return definition.anew(spec, definition.past(was, None, remembers=True) if was else None, "new keys")


def test_a_new_vm_has_no_past(web):
    root = anew(web, None)
    assert root.find("devices/interface/address") is None
    assert xml.read(root).keys == "new keys"


def test_what_begins_with_saved_memory_has_its_places_but_stands_on_other_files(web, was):
    """The guest knows the places, and was told the old keys; its disk is a new overlay, whose file says on what."""
    root = anew(replace(web, saved=SavedMemory("/store/memory", "26 Nov 12:03", 9)), was)
    assert root.find("devices/interface/address").get("bus") == "0x07"
    assert root.find("devices/disk/backingStore") is None
    assert (xml.read(root).keys, xml.read(root).hosts) == ("old keys", "told")
    assert root.findtext("genid") == "5f0c91d2-0000-4000-8000-000000000001"


def test_what_is_defined_again_keeps_both(web, was):
    root = anew(web, was)
    assert root.find("devices/interface/address").get("bus") == "0x07"
    assert root.find("devices/disk/backingStore/source").get("file") == "/store/old.img"
