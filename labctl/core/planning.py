"""Makes a plan from the wanted specs and the existing ones, as a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.address import natural_sort_key
from labctl.core.diff import THERE, Change, diff
from labctl.core.lifecycle import Stage
from labctl.core.plan import LOST, REPLACED, Action, Plan, Step
from labctl.core.record import replace
from labctl.core.spec import Effect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from labctl.core.address import Address
    from labctl.core.errors import Problem
    from labctl.core.spec import Spec

_ACTION = {Effect.LIVE: Action.UPDATE, Effect.RESTART: Action.RESTART, Effect.REPLACE: Action.REPLACE}


def plan(  # noqa: PLR0913  # two states by position, the rest by keyword
    desired: Mapping[Address, Spec],
    observed: Mapping[Address, Spec],
    *,
    applied: Mapping[Address, str] | None = None,
    restart: Collection[Address] = (),
    lab: str = "",
    connection: str = "",
) -> Plan:
    """Make the plan that turns the existing objects into the wanted ones.

    Args:
        desired: the specs of all objects that are to exist.
        observed: the specs of all existing objects of the lab.
        applied: by address, the fingerprint of the spec that labctl applied last. Where that is still the wanted spec's
            fingerprint, a difference is drift and not an edit of the Labfile.
        restart: addresses to restart even without changes.
        lab: the lab's name, for the plan's JSON.
        connection: the libvirt URI, for the plan's JSON.
    """
    steps: dict[Address, Step] = {}
    every = {**observed, **desired}
    for address in sorted(every, key=lambda address: _build_order(every[address])):
        before, after = observed.get(address), desired.get(address)
        if before and before.inside in steps and steps[before.inside].action.removes:
            before = None
        step = _step(address, before, after, steps, (applied or {}).get(address))
        if address in restart and before and after:
            step = _restarted(step, before, after)
        if step:
            steps[address] = step
    users = _users(steps.values())
    return Plan(
        lab,
        connection,
        tuple(replace(step, needs=_step_needs(step, steps, users)) for step in steps.values()),
        len(desired.keys() & observed.keys() - steps.keys()),
        tuple(_refusals(steps.values())),
    )


def _refusals(steps: Iterable[Step]) -> Iterator[tuple[Address, Problem]]:
    """The addresses whose change is impossible, with the reason and what to do."""
    for step in steps:
        if step.before and step.after and (problem := step.after.refusal(step.before)):
            yield step.address, problem


def _build_order(spec: Spec) -> tuple[int, list[str | int]]:
    """Sort objects after those that they need, so that one pass is enough. Plans show steps in this order, too."""
    return spec.rank, natural_sort_key(spec.address.name)


def _step(
    address: Address,
    before: Spec | None,
    after: Spec | None,
    steps: Mapping[Address, Step],
    applied: str | None,
) -> Step | None:
    if before is None:
        return (
            Step(address, Action.CREATE, after.begins_as or "not there yet", after=after) if after else None
        )
    if after is None:
        return Step(address, Action.DELETE, "no longer wanted", before=before)
    if steps:
        after = after.anew(_made(after, steps))
    changes = diff(before, after)
    inherited = _inherited(before, after, steps)
    if not changes and not inherited:
        return None
    cause = _cause(changes, inherited, edited=applied != after.fingerprint())
    assessed = after.assessed(before, (*changes, *inherited))
    effect = max(change.effect for change in assessed)
    return Step(address, _ACTION[effect], cause, assessed, before, after)


def _made(after: Spec, steps: Mapping[Address, Step]) -> set[Address]:
    """The objects that `after` needs and that are created or replaced."""
    needed = (steps[need.address] for need in after.needs() if need.address in steps)
    return {step.address for step in needed if step.action.makes}


def _restarted(step: Step | None, before: Spec, after: Spec) -> Step:
    """The step with a restart added."""
    asked = Change("restart", None, "asked for", Effect.RESTART)
    if step is None:
        return Step(after.address, Action.RESTART, "asked for", (asked,), before, after)
    if step.action in (Action.REPLACE, Action.RESTART):
        return step
    return replace(step, action=Action.RESTART, changes=after.assessed(before, (*step.changes, asked)))


def _cause(changes: tuple[Change, ...], inherited: tuple[Change, ...], *, edited: bool) -> str:
    if not changes:
        return f"{inherited[0].field} {'was lost' if inherited[0].before == LOST else 'is replaced'}"
    if all(change.condition for change in changes):
        return changes[0].condition
    if edited:
        return "changed in the Labfile"
    drifts = [change.drift for change in changes if not change.condition]
    return drifts[0] if all(drifts) else "changed outside labctl"


def _inherited(before: Spec, after: Spec, steps: Mapping[Address, Step]) -> tuple[Change, ...]:
    """The changes of an object because an object that it needs is replaced, or was lost and is created again."""
    changes = []
    for need in after.needs() if steps else ():  # saves time in most runs, where no step comes before
        action = steps[need.address].action if need.address in steps else None
        if action is Action.REPLACE and need.on_replace:
            changes.append(Change(str(need.address), THERE, REPLACED, need.on_replace))
        elif action is Action.CREATE and need.on_loss and _lost(before, steps[need.address], steps):
            changes.append(Change(str(need.address), LOST, REPLACED, need.on_loss))
    return tuple(changes)


def _lost(before: Spec, made: Step, steps: Mapping[Address, Step]) -> bool:
    """Whether the existing object (`before`) had the needed object that the step `made` creates: then that was lost.

    Where a container of the needed object is created as well, as a pool for a disk, its content is unknown: then the
    needed object does not count as lost.
    """
    had = any(need.address == made.address for need in before.needs())
    containers = (steps[need.address] for need in made.spec.needs() if need.address in steps)
    return had and all(step.action is not Action.CREATE or not step.spec.holds_others for step in containers)


def _users(steps: Iterable[Step]) -> dict[Address, list[str]]:
    """For each address, the ids of the deleting steps of objects that need it, in the order of the steps."""
    users: dict[Address, list[str]] = {}
    for step in steps:
        if step.before and step.action is Action.DELETE:
            for address in {need.address for need in step.before.needs() if need.holds is not Stage.READY}:
                users.setdefault(address, []).append(step.id)
    return users


def _step_needs(
    step: Step, steps: Mapping[Address, Step], users: Mapping[Address, list[str]]
) -> tuple[str, ...]:
    if step.action is Action.DELETE:
        return tuple(users.get(step.address, ()))
    # what a VM waits for before it is ready, as its folders, comes after the VM itself
    needed = {need.address for need in step.spec.needs() if need.holds is not Stage.READY} & steps.keys()
    order = sorted((steps[address].spec for address in needed), key=_build_order)
    return tuple(str(spec.address) for spec in order)
