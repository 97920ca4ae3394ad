"""What is known and told of warm labs."""

from types import SimpleNamespace

import pytest

from labctl.app import warm
from labctl.app.desired_state import up
from labctl.app.prepare import Prepared
from labctl.core.address import Address
from labctl.core.errors import Problem
from labctl.core.lifecycle import State
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.engine.allocation import Allocation
from labctl.engine.observe import Observed
from labctl.engine.sources import Sources
from labctl.kinds.warm.spec import WarmSpec
from tests.composed import SECRET, applied, specs, with_steps

STATE = WarmSpec("shop", "0123456789abcdef", taken="2026-11-26T12:03:00+00:00", took_s=112.4)


def told(state: WarmSpec | None, seconds: float) -> list[str]:
    events = []
    warm.tell_gain(SimpleNamespace(warm=warm.Warmth(state)), seconds, events.append)
    return [event.summary for event in events]


def test_a_lab_that_came_back_is_compared_with_its_boot():
    assert told(STATE, 6.78) == ["the lab came back in 6.8 s; to boot and provision it took 1 min 52 s"]


def test_a_lab_that_booted_is_compared_with_nothing():
    assert told(None, 112.4) == []


MADE_FROM = (("Labfile", "0" * 64),)
WEB = Address("vm", "web")
SESSION = SimpleNamespace(lab=SimpleNamespace(name="shop"), secret=SECRET)
SHOP = {
    "networks": {"office": {"external": "br0"}, "front": {"subnet": "10.0.0.0/24"}},
    "vms": {
        "web": {"image": "debian-12", "networks": ["front"], "provision": [{"shell": "x", "run": "always"}]}
    },
}


def prepared(wanted, existing):
    existing = with_steps(existing, wanted)
    made = plan(up()(wanted, existing), existing)
    return Prepared(made, Observed(existing, folder="/p"), Allocation(), Sources(), (), ())


def saved(content=SHOP, edit=lambda existing: existing):
    """Whether a lab that became ready is saved when it is looked at once more, and what is told."""
    events = []
    wanted = specs(content)
    first = replace(prepared(wanted, {}), warm=warm.Warmth(to_save=MADE_FROM))
    again = prepared(wanted, edit(applied(wanted)))
    desired = warm.to_save(SESSION, first, 100.0, lambda: again, events.append)
    return desired is not None, [event.summary for event in events]


def with_state(state):
    return lambda existing: {**existing, WEB: replace(existing[WEB], state=state)}


def test_a_lab_that_is_as_it_should_be_is_saved_also_with_what_runs_each_time():
    assert saved() == (
        True,
        ["the lab is ready, and can be used; it is saved now, for the next `labctl up`"],
    )


@pytest.mark.parametrize("state", [State.OFF, State.PAUSED])
def test_a_lab_that_is_not_what_the_labfile_says_any_more_is_not_saved(state):
    """Somebody, or a step, may have shut a VM down meanwhile."""
    done, told = saved(edit=with_state(state))
    assert not done
    assert "it is not as the Labfile says any more, see `labctl plan`: vm/web" in told[0]


def test_a_vm_with_an_address_that_somebody_else_gave_is_not_saved():
    """A week later its lease is over, and it would use the address all the same."""
    office = {**SHOP, "vms": {"web": {**SHOP["vms"]["web"], "networks": ["office"]}}}
    done, told = saved(office)
    assert not done
    assert "from a DHCP server that is not labctl's, at office" in told[0]


@pytest.mark.parametrize(
    ("had", "told"),
    [
        ({"place": "/other", "Labfile": "edited"}, "its Labfile was another file"),
        ({"Labfile": "edited", "host": "old"}, "the Labfile says something else now"),
        (
            {"host": "old", "labctl": "old"},
            "libvirt, QEMU, a firmware or the CPU of the host is another one now",
        ),
        ({"labctl": "old"}, "this labctl makes the lab in another way"),
        ({"place": None}, "this labctl makes the lab in another way"),  # as one knew nothing of places
    ],
)
def test_of_all_that_differs_the_first_is_told(had, told):
    now = {"place": "/here", "Labfile": "as it is", "host": "new", "labctl": "new"}
    was = {name: digest for name, digest in {**now, **had}.items() if digest}
    assert warm.difference(tuple(was.items()), tuple(now.items())) == told


def booting(wanted, existing, warmth=None, *, asked=True):
    session = SimpleNamespace(lab=SimpleNamespace(name="shop", warm=asked), warm=None)
    made = plan(up()(wanted, existing), existing)
    return [each.summary for each in warm.booting(session, made, existing, warmth or warm.Warmth())]


def test_of_a_lab_that_is_there_it_is_said_why_a_vm_that_is_missing_boots():
    vms = {**SHOP["vms"], "db": {"image": "debian-12"}, "off": {"image": "debian-12", "state": "off"}}
    wanted = specs({**SHOP, "vms": vms})
    there = {**applied(wanted), STATE.address: STATE}
    new = {each: spec for each, spec in there.items() if each.name.partition("/")[0] not in ("db", "off")}
    (told,) = booting(wanted, new)
    assert told.startswith("db boots, as only a whole lab comes back from what was saved of it on 26 Nov ")
    assert booting(wanted, {STATE.address: STATE})[0].startswith("db, web boot, as only"), "`up web db`"
    assert booting(wanted, there) == []
    assert booting(wanted, new, asked=False) == []
    assert booting(wanted, {each: spec for each, spec in new.items() if spec != STATE}) == []
    assert booting(wanted, {**new, STATE.address: replace(STATE, problem="broken")}) == []
    for other in (warm.Warmth(STATE), warm.Warmth(notes=(Problem("the lab boots"),))):
        assert booting(wanted, {STATE.address: STATE}, other) == [], (
            "it comes back, or another reason is told"
        )
