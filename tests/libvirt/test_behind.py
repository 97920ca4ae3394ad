"""What someone does to the lab's objects behind labctl's back is drift: shown as what it is, healed, and removed."""

from xml.etree import ElementTree as ET

import libvirt
import pytest

from labctl.app import change
from labctl.app.listing import labs
from labctl.app.status import status
from labctl.core import identity
from labctl.core.errors import Refused

BOTH = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG

LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false, state: off}
networks: {front: {subnet: 10.90.0.0/24}}
vms: {web: {networks: [front], autostart: true}, db: {networks: [front]}}
"""


@pytest.fixture
def lab(world):
    world.text = LABFILE
    assert world.run() == 0, world.failures()
    assert not world.plan()
    return world


def without_mark(text: str, **changed: str) -> str:
    root = ET.fromstring(text)
    root.remove(root.find("metadata"))
    for name, value in changed.items():
        root.find(name).text = value
    return ET.tostring(root, encoding="unicode")


def renamed(lab, old: str, new: str, *, marked: bool = True) -> None:
    """As `virsh domrename`, which this driver lacks: the UUID stays."""
    domain = lab.host.virt.lookupByName(old)
    text = domain.XMLDesc(2) if marked else without_mark(domain.XMLDesc(2))
    autostart = domain.autostart()
    domain.undefine()
    lab.host.virt.defineXML(text.replace(f"<name>{old}</name>", f"<name>{new}</name>")).setAutostart(
        autostart
    )


def told(lab) -> dict[str, tuple[str, str, list[str]]]:
    """Of each step of the plan its action, its cause and the fields that differ."""
    return {
        str(step.address): (str(step.action), step.cause, [each.field for each in step.changes])
        for step in lab.plan().steps
    }


def notes(lab) -> tuple[str, ...]:
    return status(lab.session()).notes


def heals(lab) -> None:
    assert lab.run() == 0, lab.failures()
    assert told(lab) == {}
    assert notes(lab) == ()


def test_a_renamed_domain_gets_its_name_back(lab):
    renamed(lab, "shop.web", "mine")
    uuid = lab.host.virt.lookupByName("mine").UUIDString()
    assert told(lab) == {"vm/web": ("restart", "renamed outside labctl", ["renamed"])}
    assert "renamed  mine" in str(lab.plan()).replace("~ renamed: ", "renamed  ")
    assert notes(lab) == ("web: its domain was renamed to mine",)
    heals(lab)
    assert lab.domain("web").UUIDString() == uuid


def test_destroy_removes_a_renamed_domain(lab):
    renamed(lab, "shop.web", "mine")
    assert lab.run(change.destroy) == 0, lab.failures()
    assert lab.everything() == set()


def test_a_name_that_someone_took_meanwhile_is_told_before_any_change(lab):
    renamed(lab, "shop.web", "mine")
    lab.host.virt.defineXML(
        "<domain type='test'><name>shop.web</name><memory>1</memory><os><type>hvm</type></os></domain>"
    )
    with pytest.raises(Refused, match=r"a domain of that name, shop\.web, exists and was not made by labctl"):
        lab.run()


def test_a_copy_is_someone_elses(lab):
    """As `virt-clone` makes it: labctl's mark is copied, the name and the UUID are its own."""
    root = ET.fromstring(lab.domain("web").XMLDesc(2))
    root.find("name").text = "shop.web-clone"
    root.remove(root.find("uuid"))
    devices = root.find("devices")
    for disk in devices.findall("disk"):  # that of the copy is elsewhere
        devices.remove(disk)
    for each in root.iter("mac"):
        each.set("address", "52:54:00:99:99:99")
    lab.host.virt.defineXML(ET.tostring(root, encoding="unicode"))
    assert told(lab) == {}
    assert [row.name for row in status(lab.session()).rows] == ["db", "web"]
    assert [(each.name, each.vms) for each in labs(lab.host)] == [("shop", 2)]
    assert lab.run(change.destroy) == 0, lab.failures()
    assert lab.everything() == {"shop.web-clone"}


def test_a_domain_whose_mark_was_removed_gets_it_back(lab):
    lab.host.virt.defineXML(without_mark(lab.domain("web").XMLDesc(2)))
    assert told(lab) == {"vm/web": ("update", "labctl's mark on it was removed", ["unmarked"])}
    assert notes(lab) == ("web: labctl's mark on its domain shop.web was removed; `labctl up` restores it",)
    heals(lab)


def test_status_tells_how_an_unmarked_domain_and_network_are(lab):
    lab.edit("web: {", "web: {state: running, ")
    assert lab.run() == 0
    virt = lab.host.virt
    lab.domain("web").setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, None, None, identity.XMLNS, BOTH)
    network = virt.networkLookupByName("shop.front")
    network.destroy()
    virt.networkDefineXML(without_mark(network.XMLDesc()))
    found = status(lab.session())
    web = found.to_json()["vms"][1]
    assert (web["name"], web["state"], web["ready"], web["memory_bytes"]) == (
        "web",
        "running",
        None,
        64 << 20,
    )
    assert [each["network"] for each in web["addresses"]] == ["front"]
    assert [(each.name, each.active, each.problem) for each in found.networks] == [
        ("front", False, "labctl's mark on its network shop.front was removed")
    ]
    assert "web: labctl's mark on its domain shop.web was removed; `labctl up` restores it" in found.notes


def test_what_else_was_changed_of_an_unmarked_domain_shows_too(lab):
    lab.host.virt.defineXML(without_mark(lab.domain("web").XMLDesc(2), vcpu="3"))
    assert [(action, fields) for action, _, fields in told(lab).values()] == [
        ("restart", ["cpus", "unmarked"])
    ]
    heals(lab)


def test_destroy_removes_a_domain_whose_mark_was_removed(lab):
    lab.host.virt.defineXML(without_mark(lab.domain("web").XMLDesc(2)))
    assert lab.run(change.destroy) == 0, lab.failures()
    assert lab.everything() == set()


def test_a_domain_that_lost_both_name_and_mark_is_known_by_its_uuid(lab):
    renamed(lab, "shop.web", "mine", marked=False)
    with pytest.raises(Refused) as error:
        lab.run()
    (problem,) = error.value.problems  # that it has our MAC as well is no second one
    assert problem.summary == "the domain mine has its UUID, and labctl's mark on it was removed"
    assert problem.hint.startswith("rename it back with `virsh domrename mine shop.web`")
    (note,) = notes(lab)
    assert note == (
        "web: its domain was renamed to mine and labctl's mark on it removed; "
        "`virsh domrename mine shop.web` and `labctl up` restore it"
    )


def test_a_network_whose_mark_was_removed_gets_it_back(lab):
    network = lab.host.virt.networkLookupByName("shop.front")
    network.destroy()
    lab.host.virt.networkDefineXML(without_mark(network.XMLDesc()))
    steps = told(lab)
    assert steps["network/front"] == ("update", "labctl's mark on it was removed", ["unmarked", "active"])
    heals(lab)


def test_destroy_removes_a_network_whose_mark_was_removed(lab):
    network = lab.host.virt.networkLookupByName("shop.front")
    network.destroy()
    lab.host.virt.networkDefineXML(without_mark(network.XMLDesc()))
    assert lab.run(change.destroy) == 0, lab.failures()
    assert lab.everything() == set()


def test_a_renamed_network_is_made_anew(lab):
    network = lab.host.virt.networkLookupByName("shop.front")
    text = network.XMLDesc()
    network.destroy()
    network.undefine()
    lab.host.virt.networkDefineXML(text.replace("<name>shop.front</name>", "<name>mine</name>")).setAutostart(
        1
    )
    assert told(lab)["network/front"][:2] == ("replace", "renamed outside labctl")
    heals(lab)
    assert "mine" not in lab.everything()


@pytest.mark.parametrize("state", ["off", "running"])
def test_an_undefined_domain_that_runs_is_defined_again(lab, state):
    lab.edit("web: {", "web: {state: running, ")
    assert lab.run() == 0
    lab.domain("web").undefine()
    assert told(lab) == {"vm/web": ("update", "not defined any more", ["undefined"])}
    assert notes(lab) == ("web: its domain is not defined any more, so it is gone once it stops",)
    lab.edit("state: running", f"state: {state}")
    heals(lab)
    assert (bool(lab.domain("web").isActive()), lab.domain("web").isPersistent()) == (state == "running", 1)


def test_halt_keeps_a_domain_that_was_undefined(lab):
    lab.edit("web: {", "web: {state: running, ")
    assert lab.run() == 0
    lab.domain("web").undefine()
    assert lab.run(change.halt) == 0, lab.failures()
    assert not lab.domain("web").isActive()


def test_autostart_that_someone_turned_off_is_turned_on_again(lab):
    lab.host.virt.networkLookupByName("shop.front").setAutostart(0)
    assert told(lab) == {"network/front": ("update", "changed outside labctl", ["autostart"])}
    heals(lab)
