"""Where the variables of a VM's UEFI are."""

from xml.etree import ElementTree as ET

import pytest

from labctl.kinds.vm import nvram
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.spec import VmSpec

OWN = "/pools/labctl-shop/web._nvram"
OF_LIBVIRT = "/var/lib/libvirt/qemu/nvram/shop.web_VARS.fd"


def spec(firmware="uefi", *edits):
    return VmSpec("shop", "web", firmware=firmware, nvram=OWN, xml=edits)


def places(root):
    return [each.text for each in root.iterfind("os/nvram")]


def test_a_new_vm_has_them_in_the_labs_pool():
    root = vm_xml.render(spec())
    assert places(root) == [OWN]
    assert vm_xml.read(root).nvram == OWN


def edit(loader):
    return ("os", "add", loader)


@pytest.mark.parametrize(
    ("firmware", "edits", "placed"),
    [
        ("bios", [], []),
        ("bios", [("os/@firmware", "set", "efi")], [OWN]),
        ("bios", [edit("<loader type='pflash'>/mine.fd</loader>")], [OWN]),
        ("bios", [edit("<loader>/mine.bin</loader>")], []),
        ("uefi", [edit("<loader secure='yes'/>")], [OWN]),
        ("uefi", [edit("<loader stateless='yes'/>")], []),
        ("uefi", [edit("<loader type='rom'/>")], []),
        ("uefi", [edit("<nvram>/mine.vars</nvram>")], ["/mine.vars"]),
    ],
)
def test_edits_of_the_labfile_may_choose_another_firmware_and_another_place(firmware, edits, placed):
    assert places(vm_xml.render(spec(firmware, *edits))) == placed


def defined(inside):
    return ET.fromstring(f"<domain><os firmware='efi'>{inside}</os></domain>")


@pytest.mark.parametrize("known", [OWN, OF_LIBVIRT, ""])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", []),  # where libvirt puts them
        (f"<nvram>{OF_LIBVIRT}</nvram>", [OF_LIBVIRT]),
        (f"<nvram template='/t.fd' templateFormat='raw'>{OWN}</nvram>", [OWN]),
    ],
)
def test_the_next_definition_leaves_them_where_they_are(before, after, known):
    new = defined("")
    nvram.place(new, known)
    nvram.stay(defined(before), new, known)
    assert places(new) == after
    assert all(not each.attrib for each in new.iterfind("os/nvram")), "libvirt chooses the template again"


def test_so_it_does_with_what_is_no_plain_path():
    new = defined("")
    source = "<nvram type='file' format='qcow2'><source file='/mine'/></nvram>"
    nvram.stay(defined(source), new, "")
    assert new.find("os/nvram/source").get("file") == "/mine"
    assert new.find("os/nvram").get("format") == "qcow2"


def test_an_edit_of_the_labfile_moves_them():
    new = defined("<nvram>/mine.vars</nvram>")
    nvram.stay(defined(f"<nvram>{OWN}</nvram>"), new, OWN)
    assert places(new) == ["/mine.vars"]


def test_a_firmware_without_variables_gets_none():
    new = defined("<loader stateless='yes'/>")
    nvram.stay(defined(f"<nvram>{OWN}</nvram>"), new, OWN)
    assert places(new) == []
