"""The table of states is whole, and every way that it names leads somewhere."""

from itertools import product

import libvirt
import pytest

from labctl.core.errors import LabctlError
from labctl.core.events import Teller
from labctl.core.lifecycle import State
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.core.spec import Effect
from labctl.guest.nic_config import NicConfig
from labctl.kinds.vm import virdomain
from labctl.kinds.vm.driver import VmDriver
from labctl.kinds.vm.spec import DiskUse, NicUse, VmSpec
from labctl.kinds.vm.transitions import TRANSITIONS, Transition, transition

TELL = Teller(lambda _event: None, VmSpec("shop", "web").address, 0.0)
PAIRS = list(product(State, State))


def boots(way: Transition) -> bool:
    return way.begins is not None and way.begins.boots


def test_the_table_has_every_pair():
    assert set(TRANSITIONS) == set(PAIRS)


@pytest.mark.parametrize(("before", "wanted"), PAIRS)
def test_each_pair_is_legal_or_refused_with_a_sentence(before, wanted):
    way = transition(before, wanted)
    if way.refused:
        assert way == Transition(refused=way.refused)
        refusal = VmSpec("shop", "web", state=wanted).refusal(VmSpec("shop", "web", state=before))
        assert refusal.summary == way.refused
    elif before is wanted:
        assert way == Transition()
    else:
        assert way.begins or way.ends
        assert way.plan
        assert way.done


@pytest.mark.parametrize(("before", "wanted"), PAIRS)
def test_a_restart_ends_what_is_and_boots_what_is_to_run(before, wanted):
    way = transition(before, wanted, restart=True)
    assert not way.refused
    assert bool(way.ends) is (before is not State.OFF)
    assert boots(way) is (wanted is State.RUNNING)
    assert way.loses == transition(before, State.OFF).loses


def test_boots_are_the_starts_of_guests_that_did_not_run():
    starting = {pair for pair in PAIRS if boots(transition(*pair))}
    assert starting == {(State.OFF, State.RUNNING), (State.CRASHED, State.RUNNING)}


def test_a_guest_goes_on_after_a_pause_and_after_its_memory_was_saved():
    on = {pair for pair in PAIRS if transition(*pair).resumes}
    assert on == {(State.PAUSED, State.RUNNING), (State.SAVED, State.RUNNING)}


def test_memory_is_saved_only_where_there_is_some():
    saving = {pair for pair in PAIRS if transition(*pair).saves}
    assert saving == {(State.RUNNING, State.SAVED), (State.PAUSED, State.SAVED)}


def test_memory_is_lost_only_where_it_was_saved_and_is_not_restored():
    assert {pair for pair in PAIRS if transition(*pair).loses} == {(State.SAVED, State.OFF)}


def test_the_driver_does_every_verb():
    verbs = {verb for way in TRANSITIONS.values() for verb in (way.begins, way.ends) if verb}
    assert all(callable(verb.of(VmDriver)) for verb in verbs)


NIC = NicUse("front", "52:54:00:00:00:01", "shop.front", "front")
DISK = DiskUse("data", "/pool/web.data", "web/data")
SAVED = VmSpec("shop", "web", nics=(NIC,), disks=(DISK,), state=State.SAVED)


@pytest.mark.parametrize(
    ("changes", "effect"),
    [
        ({}, Effect.LIVE),
        ({"hosts": "0123"}, Effect.LIVE),
        ({"autostart": True}, Effect.LIVE),
        ({"nics": (replace(NIC, guest=NicConfig(mtu=1400)),)}, Effect.LIVE),
        ({"nics": (replace(NIC, link="down"),)}, Effect.RESTART),
        ({"nics": ()}, Effect.RESTART),
        ({"disks": (DISK, replace(DISK, name="more"))}, Effect.RESTART),
        ({"memory": 1 << 29}, Effect.RESTART),
        ({"cpus": 2}, Effect.RESTART),
    ],
)
def test_what_a_saved_guest_sees_of_its_machine_costs_its_memory(changes, effect):
    wanted = replace(SAVED, state=State.RUNNING, **changes)
    (step,) = plan({wanted.address: wanted}, {SAVED.address: SAVED}).steps
    assert step.effect is effect
    assert step.destructive is (effect is Effect.RESTART)


def test_a_guest_that_crashed_can_t_be_asked_so_its_power_is_cut():
    class Domain:
        """One that QEMU keeps after a panic."""

        called = ()

        def state(self):
            return [libvirt.VIR_DOMAIN_SHUTOFF if self.called else libvirt.VIR_DOMAIN_CRASHED, 0]

        def isActive(self):  # noqa: N802  # libvirt's name
            return not self.called

        def destroy(self):
            self.called = ("destroy",)

    domain = Domain()
    virdomain.shutdown(domain, TELL)
    assert domain.called == ("destroy",)


def test_memory_that_can_t_be_restored_can_be_given_up():
    class Domain:
        def state(self):
            return [libvirt.VIR_DOMAIN_SHUTOFF, 0]

        def hasManagedSaveImage(self):  # noqa: N802  # libvirt's name
            return 1

        def create(self):
            raise libvirt.libvirtError("network 'shop.front' is not active")

    with pytest.raises(LabctlError, match="its saved memory can't be restored") as caught:
        virdomain.run(Domain(), SAVED, TELL)
    assert "`labctl halt web`" in caught.value.hint
