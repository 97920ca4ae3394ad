"""What libvirt tells of a lab while it happens: the real API, on the test driver."""

import threading
from queue import SimpleQueue

import pytest

from labctl.app import change, live_events
from labctl.core.errors import UsageError

ANSWER_S = 20.0


class Enough(Exception):
    """Ends what would go on without end."""


class Told:
    """The events of a lab that arrive in the background."""

    def __init__(self, session, *vms):
        self.events, self.over = SimpleQueue(), False
        ready = threading.Event()
        self.thread = threading.Thread(target=self._follow, args=(session, vms, ready.set), daemon=True)
        self.thread.start()
        assert ready.wait(ANSWER_S)

    def _follow(self, session, vms, ready):
        def sink(event):
            if self.over:
                raise Enough
            self.events.put(event)

        try:
            live_events.follow(session, vms, sink, ready)
        except Enough:
            return

    def until(self, last):
        """The events up to one of this text, each once."""
        found = []
        while last not in found:
            found.append(str(self.events.get(timeout=ANSWER_S)))
        return found


@pytest.fixture
def told(world):
    """The test driver lets a connection register once."""
    made = []

    def told(*vms):
        made.append(Told(world.session(), *vms))
        return made[-1]

    yield told
    for each in made:
        each.over = True
        world.domain("db").destroy()
        each.thread.join(ANSWER_S)
        assert not each.thread.is_alive()


def test_whatever_happens_to_a_lab_is_told(world, told):
    """Also to what is made meanwhile, and by others."""
    everything = told()
    world.run(change.up)
    assert "network/front: started" in everything.until("vm/web-1: started, it boots")
    world.domain("web-1").suspend()
    world.domain("db").suspend()
    assert everything.until("vm/db: paused")[-2:] == ["vm/web-1: paused", "vm/db: paused"]


def test_only_what_happens_to_some_vms_is_told(world, told):
    world.run(change.up)
    some = told("db")
    world.domain("web-1").suspend()
    world.domain("db").suspend()
    assert some.until("vm/db: paused") == ["vm/db: paused"]


def test_other_labs_are_no_part_of_it(world):
    happened = live_events.happenings.Happened
    named = {
        name: live_events.name_in("shop", happened("vm", name, "00000000-0000-0000-0000-000000000000", "x"))
        for name in ("shop.web-1", "other.web-1", "shop")
    }
    assert set(named.values()) == {""}, "a domain that only has the name is somebody else's"


def test_a_vm_that_is_not_there_is_an_error(world):
    with pytest.raises(UsageError, match="no VM is called wbe"):
        live_events.follow(world.session(), ["wbe"], print)
