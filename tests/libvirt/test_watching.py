"""libvirt's events tell `wait` and `status --watch` of what others do."""

import threading

import pytest

from labctl.app import change, looks, wait
from labctl.app.status import status
from labctl.core.errors import NotReady
from labctl.host.libvirt import changes
from tests.waiting import wait_until

LONG_S = 600.0  # that nobody waits for: an event comes before


def in_background(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_wait_ends_when_somebody_elses_up_is_done(world, monkeypatch):
    monkeypatch.setattr(wait, "POLL_S", LONG_S)
    told = []
    session = world.session()
    assert session.lab.name == "shop"  # it is read now: each run of a world writes the Labfile anew
    waiting = in_background(lambda: wait.wait(session, [], LONG_S, told.append))
    assert world.run() == 0
    waiting.join(60)
    assert not waiting.is_alive()
    assert {(each.vm, str(each.stage)) for each in told} == {
        ("web-1", "ready"),
        ("web-2", "ready"),
        ("db", "ready"),
    }


def test_wait_says_of_each_vm_how_far_it_is_when_the_time_is_up(world):
    assert world.run(change.up, "db") == 0
    world.host.virt.lookupByName("shop.db").destroy()
    with pytest.raises(NotReady) as caught:
        wait.wait(world.session(), ["db", "web-1:created"], 0.0, print)
    assert caught.value.summary.splitlines() == [
        "vm/db is not ready after 0 s: it is off",
        "vm/web-1 is not created after 0 s: it does not exist yet",
    ]


def test_a_look_follows_each_change(world, monkeypatch):
    monkeypatch.setattr(looks, "EVERY_S", LONG_S)
    assert world.run() == 0
    seen = []

    def watch():
        for found in looks.looks(world.session().hosts, lambda: status(world.session())):
            seen.append({row.name: row.state for row in found.rows}["db"])
            if seen[-1] == "off":
                return

    watching = in_background(watch)
    wait_until(lambda: seen)
    world.host.virt.lookupByName("shop.db").destroy()
    watching.join(60)
    assert (seen[0], seen[-1]) == ("running", "off")


def test_a_mark_in_metadata_is_a_change(world):
    """As that of a VM that became ready."""
    assert world.run() == 0
    with changes.watched(world.host.connection) as news:
        while news.wait(0.0):
            pass
        domain = world.host.virt.lookupByName("shop.db")
        domain.setMetadata(0, "somebody's note", None, None)
        assert news.wait(60.0)
