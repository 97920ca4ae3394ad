"""What other kinds keep in a domain's metadata stays whatever happens to the domain."""

from xml.etree import ElementTree as ET

import pytest

from labctl.app import change
from labctl.core import records
from labctl.host.libvirt.records import write


def kept(world, name: str) -> dict:
    return records.read_all(ET.fromstring(world.domain(name).XMLDesc()))


@pytest.mark.parametrize("state", ["running", "off"])
def test_records_are_written_replaced_and_removed(world, state):
    world.run()
    if state == "off":
        world.run(change.halt, "db")
    domain = world.domain("db")
    write(domain, "step", "1", {"digest": "a"})
    write(domain, "step", "2", {"digest": "b"})
    write(domain, "forward", "80", {})
    write(domain, "step", "1", {"digest": "c"})
    assert kept(world, "db") == {"step": {"2": {"digest": "b"}, "1": {"digest": "c"}}, "forward": {"80": {}}}
    write(domain, "step", "1", None)
    write(domain, "step", "2", None)
    assert kept(world, "db") == {"forward": {"80": {}}}


def noted(world, name: str) -> None:
    """What steps note, and another kind."""
    for key in ("stays", "lab:all", "goes", "lab:gone"):
        write(world.domain(name), "provision", key, {"digest": "a"})
    write(world.domain(name), "strange", "80", {})


def test_those_of_steps_that_are_gone_go_without_a_plan(world):
    world.run()
    noted(world, "db")
    assert not world.plan()
    assert len(kept(world, "db")["provision"]) == 4
    world.run(change.halt, "web-1")
    assert len(kept(world, "db")["provision"]) == 4, "only what makes the Labfile true removes them"
    assert world.run(change.up, "db") == 0
    assert kept(world, "db") == {"strange": {"80": {}}}


def test_they_stay_when_the_vm_is_changed_stopped_and_started(world):
    """With what other programs wrote there."""
    world.run()
    domain = world.domain("db")
    write(domain, "step", "1", {"digest": "a"})
    domain.setMetadata(2, "<note/>", "other", "https://example.org/other", 3)
    world.edit("memory: 64MiB", "memory: 96MiB")
    assert world.run() == 0
    world.run(change.halt, "db")
    assert world.run() == 0
    assert kept(world, "db") == {"step": {"1": {"digest": "a"}}}
    assert "note" in world.domain("db").metadata(2, "https://example.org/other", 2)
    assert not world.plan()
