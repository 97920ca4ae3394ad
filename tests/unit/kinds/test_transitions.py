"""The table of states is whole, and every way that it names leads somewhere."""

from itertools import product

import pytest

from labctl.core.lifecycle import State
from labctl.kinds.vm.driver import VmDriver
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.vm.transitions import TRANSITIONS, Transition, transition

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
        assert VmSpec("shop", "web", state=wanted).refusal(VmSpec("shop", "web", state=before)) == way.refused
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
    on = {pair for pair in PAIRS if transition(*pair).goes_on}
    assert on == {(State.PAUSED, State.RUNNING), (State.SAVED, State.RUNNING)}


def test_memory_is_lost_only_where_it_was_saved_and_is_not_restored():
    assert {pair for pair in PAIRS if transition(*pair).loses} == {(State.SAVED, State.OFF)}


def test_the_driver_does_every_verb():
    verbs = {verb for way in TRANSITIONS.values() for verb in (way.begins, way.ends) if verb}
    assert all(callable(verb.of(VmDriver)) for verb in verbs)
