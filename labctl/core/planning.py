"""How a plan is worked out: a pure function of what is wanted and what exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.address import natural
from labctl.core.diff import THERE, Change, diff
from labctl.core.plan import LOST, REPLACED, Action, Plan, Step
from labctl.core.record import replace
from labctl.core.spec import Effect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from labctl.core.address import Address
    from labctl.core.spec import Spec

_ACTION = {Effect.LIVE: Action.UPDATE, Effect.RESTART: Action.RESTART, Effect.REPLACE: Action.REPLACE}


def plan(  # noqa: PLR0913  # two states by place, the rest by keyword
    desired: Mapping[Address, Spec],
    observed: Mapping[Address, Spec],
    *,
    applied: Mapping[Address, str] | None = None,
    restart: Collection[Address] = (),
    lab: str = "",
    connection: str = "",
) -> Plan:
    """Work out the steps that turn what exists into what is wanted.

    Args:
        desired: every spec of the Labfile that is to exist.
        observed: every object of the lab that exists.
        applied: for each address the fingerprint of the spec that labctl last applied; where it still is the desired
            one, a difference is drift and not an edit.
        restart: what is to be restarted in any case.
        lab: the lab's name, for the plan's head.
        connection: the libvirt URI, likewise.
    """
    steps: dict[Address, Step] = {}
    every = {**observed, **desired}
    for address in sorted(every, key=lambda address: _build_order(every[address])):
        before, after = observed.get(address), desired.get(address)
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


def _refusals(steps: Iterable[Step]) -> Iterator[tuple[Address, str]]:
    """What can't be done, and why."""
    for step in steps:
        if step.before and step.after and (why := step.after.refusal(step.before)):
            yield step.address, why


def _build_order(spec: Spec) -> tuple[int, list[str | int]]:
    """What is needed comes before what needs it, so that one pass suffices; steps are shown in this order too."""
    return spec.rank, natural(spec.address.name)


def _step(
    address: Address,
    before: Spec | None,
    after: Spec | None,
    steps: Mapping[Address, Step],
    applied: str | None,
) -> Step | None:
    if before is None:
        return Step(address, Action.CREATE, "not there yet", after=after)
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
    """Which of the objects that one needs are made anew."""
    needed = (steps[need.address] for need in after.needs() if need.address in steps)
    return {step.address for step in needed if step.action.makes}


def _restarted(step: Step | None, before: Spec, after: Spec) -> Step:
    """The step with a restart in it."""
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
    """The changes that something bears because what it needs is replaced, or was lost and is made anew."""
    changes = []
    for need in after.needs() if steps else ():  # nothing changed yet, as in most runs
        action = steps[need.address].action if need.address in steps else None
        if action is Action.REPLACE and need.on_replace:
            changes.append(Change(str(need.address), THERE, REPLACED, need.on_replace))
        elif action is Action.CREATE and need.on_loss and _lost(before, steps[need.address], steps):
            changes.append(Change(str(need.address), LOST, REPLACED, need.on_loss))
    return tuple(changes)


def _lost(before: Spec, made: Step, steps: Mapping[Address, Step]) -> bool:
    """Whether something had what is made now. Where that stands is made as well, nobody knows what is there."""
    had = any(need.address == made.address for need in before.needs())
    grounds = (steps[need.address] for need in made.spec.needs() if need.address in steps)
    return had and all(step.action is not Action.CREATE or not step.spec.holds_others for step in grounds)


def _users(steps: Iterable[Step]) -> dict[Address, list[str]]:
    """For each address those that need it and are deleted themselves, in the order of the steps."""
    users: dict[Address, list[str]] = {}
    for step in steps:
        if step.before and step.action is Action.DELETE:
            for address in {need.address for need in step.before.needs()}:
                users.setdefault(address, []).append(step.id)
    return users


def _step_needs(
    step: Step, steps: Mapping[Address, Step], users: Mapping[Address, list[str]]
) -> tuple[str, ...]:
    if step.action is Action.DELETE:
        return tuple(users.get(step.address, ()))
    needed = {need.address for need in step.spec.needs()} & steps.keys()
    order = sorted((steps[address].spec for address in needed), key=_build_order)
    return tuple(str(spec.address) for spec in order)
