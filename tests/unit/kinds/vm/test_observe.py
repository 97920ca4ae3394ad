"""Whose a domain is, and what it is to others."""

from labctl.core import xmltree
from labctl.core.identity import object_uuid
from labctl.kinds.vm import xml
from labctl.kinds.vm.disks_and_nics import NicUse
from labctl.kinds.vm.observe import read
from labctl.kinds.vm.spec import VmSpec

NIC = NicUse("front", "52:54:00:00:00:01", "shop.front", "front")
VM = VmSpec(
    "shop",
    "web",
    nics=(NIC,),
    memory=1 << 30,
    max_memory=2 << 30,
    file="/labs/Labfile.yaml",
    ready=False,
    hosts="",
)


def rendered(*, marked=True, **texts):
    """The VM's XML, without labctl's mark perhaps, and with other texts in some of its elements."""
    root = xml.render(VM)
    if not marked:
        root.remove(root.find("metadata"))
    for tag, text in texts.items():
        root.find(tag).text = text
    return xmltree.to_text(root)


def test_a_vm_of_the_lab_is_read():
    spec, other = read("shop", rendered())
    assert spec == VM
    assert (other.kind, other.name, other.uuid) == ("domain", "shop.web", object_uuid("shop", "vm", "web"))


def test_to_another_lab_it_is_a_name_with_macs_and_memory():
    """Its most memory: that is what the host may have to find."""
    spec, other = read("other", rendered())
    assert spec is None
    assert (other.lab, other.file, other.macs, other.memory) == ("shop", VM.file, (NIC.mac,), 2 << 30)


def test_one_that_was_renamed_is_still_the_labs():
    spec, _ = read("shop", rendered(name="mine"))
    assert (spec.name, spec.renamed) == ("web", "mine")


def test_a_copy_is_not_although_it_has_the_mark():
    """As `virt-clone` makes it: the mark is copied, name and UUID are its own."""
    spec, other = read("shop", rendered(name="mine", uuid="11111111-2222-3333-4444-555555555555"))
    assert spec is None
    assert other.name == "mine"


def test_one_whose_mark_was_removed_is_known_by_its_name_and_uuid():
    spec, other = read("shop", rendered(marked=False))
    assert (spec.lab, spec.name, bool(spec.unmarked)) == ("shop", "web", True)
    assert (other.lab, other.file) == ("", "")
    assert read("shop", rendered(marked=False, uuid="11111111-2222-3333-4444-555555555555"))[0] is None
