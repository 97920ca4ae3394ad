"""The XML of domains that go on from saved memory."""

from xml.etree import ElementTree as ET

from labctl.host.libvirt import saved_memory

DOMAIN = """<domain><metadata><had/></metadata><devices>
<disk><driver name='qemu' type='raw'/><source file='/pool/web.root'/>
  <backingStore><source file='/store/image'/></backingStore><target dev='vda'/></disk>
<disk><driver name='qemu' type='raw'/><source file='/pool/_volume.shared'/><target dev='vdb'/></disk>
</devices></domain>"""


def test_a_domain_goes_on_in_new_files():
    root = ET.fromstring(saved_memory.put_onto(DOMAIN, {"/pool/web.root": "/new"}))
    disks = list(root.iterfind("devices/disk"))
    assert [each.find("source").get("file") for each in disks] == ["/new", "/pool/_volume.shared"]
    assert [each.find("driver").get("type") for each in disks] == ["qcow2", "raw"]
    assert root.find("devices/disk/backingStore") is None


def test_it_has_the_metadata_of_its_definition():
    definition = "<domain><name>shop.web</name><metadata><has/></metadata></domain>"
    root = ET.fromstring(saved_memory.with_metadata(DOMAIN, definition))
    assert [each.tag for each in root.find("metadata")] == ["has"]
    without = ET.fromstring(saved_memory.with_metadata(DOMAIN, "<domain/>"))
    assert without.find("metadata") is None


def test_a_disk_that_is_no_qcow2_never_becomes_one():
    """A guest may have written the header of a qcow2 to its raw volume, also where an edit made it its own."""
    text = DOMAIN.replace(
        "type='raw'/><source file='/pool/web.root'", "type='qcow2'/><source file='/pool/web.root'"
    )
    text = text.replace("<target dev='vdb'/>", "<backingStore/><target dev='vdb'/>")
    root, shared = ET.fromstring(saved_memory.without_chains(text)).iterfind("devices/disk")
    assert (root.find("driver").get("type"), root.find("backingStore")) == ("qcow2", None)
    assert shared.find("driver").get("type") == "raw"
    assert shared.find("backingStore") is not None, "libvirt does not look what it stands on"
