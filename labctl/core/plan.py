"""The plan: a pure function of what is wanted and what exists.

People and JSON see one `Step` an address; what the executor does for it is in `operations`.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from labctl.core.address import natural
from labctl.core.diff import THERE, Change, created, deleted, diff
from labctl.core.record import record, replace
from labctl.core.spec import Effect, Spec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from labctl.core.address import Address

S_co = TypeVar("S_co", bound=Spec, covariant=True)

LOST, REPLACED = "lost", "replaced"  # what became of something that is needed, as a change of who needs it
FORMAT = 1


class Action(StrEnum):
    """What a step does, in the words of the JSON."""

    CREATE = "create"
    UPDATE = "update"
    RESTART = "restart"
    REPLACE = "replace"
    DELETE = "delete"

    @property
    def sign(self) -> str:
        return {"create": "+", "update": "~", "restart": "~", "replace": "-/+", "delete": "-"}[self.value]

    @property
    def makes(self) -> bool:
        """Whether a new object comes."""
        return self in (Action.CREATE, Action.REPLACE)

    @property
    def removes(self) -> bool:
        """Whether an object goes that was there."""
        return self in (Action.DELETE, Action.REPLACE)


_ACTION = {Effect.LIVE: Action.UPDATE, Effect.RESTART: Action.RESTART, Effect.REPLACE: Action.REPLACE}


@record
class StepOf(Generic[S_co]):
    """What happens to one address, and why. `before` and `after` are its specs, None where there is none."""

    address: Address
    action: Action
    cause: str
    changes: tuple[Change, ...] = ()
    before: S_co | None = None
    after: S_co | None = None
    needs: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return str(self.address)

    @property
    def destructive(self) -> bool:
        """Whether data of the user can be lost by it."""
        return (self.action.removes and self.spec.holds_data) or bool(self.loss)

    @property
    def loss(self) -> str:
        """What of the user's data is lost although nothing is deleted, as `what is in /srv/copy.qcow2`."""
        return self.after.loss(self.before, self.effect) if self.before and self.after and self.effect else ""

    @property
    def effect(self) -> Effect | None:
        """What the dearest of its changes costs; None where there are none."""
        return max((change.effect for change in self.changes), default=None)

    @property
    def spec(self) -> S_co:
        spec = self.after or self.before
        assert spec is not None  # a step without either can't be constructed by `plan`
        return spec

    @property
    def wanted(self) -> S_co:
        """What is to be, for a driver that makes or changes it."""
        assert self.after is not None  # only DELETE is for what is not wanted
        return self.after

    @property
    def existing(self) -> S_co:
        """What is there, for a driver that changes or removes it."""
        assert self.before is not None  # only CREATE is for what is not there
        return self.before

    @property
    def fields(self) -> tuple[Change, ...]:
        """The changes field by field; of what comes or goes, all that is set in it."""
        if self.after is None:
            return deleted(self.spec)
        return created(self.spec) if self.before is None else self.changes

    def to_json(self) -> dict[str, Any]:
        """The shape of `schemas/plan.schema.json`."""
        return {
            "id": self.id,
            "address": str(self.address),
            "action": str(self.action),
            "cause": self.cause,
            "needs": list(self.needs),
            "destructive": self.destructive,
            "changes": [
                {"field": each.field, "before": each.before, "after": each.after, "effect": each.effect.label}
                for each in self.fields
            ],
        }


Step = StepOf[Spec]  # of whatever kind
S = TypeVar("S", bound=Spec)


def steps_of(steps: Iterable[Step], kind: type[S]) -> Iterator[StepOf[S]]:
    """The steps of one kind, for what is about this kind by nature."""
    return (cast("StepOf[S]", step) for step in steps if isinstance(step.spec, kind))


@record
class Plan:
    """Steps in the order of their addresses; `unchanged` counts the rest. `refusals` say what can't be done at all."""

    lab: str
    connection: str
    steps: tuple[Step, ...] = ()
    unchanged: int = 0
    refusals: tuple[tuple[Address, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    @property
    def destructive(self) -> bool:
        return any(step.destructive for step in self.steps)

    @property
    def summary(self) -> dict[str, int]:
        counts = Counter(step.action for step in self.steps)
        return {str(action): counts[action] for action in Action} | {"unchanged": self.unchanged}

    def to_json(self) -> dict[str, Any]:
        order = ("create", "update", "restart", "replace", "delete", "unchanged")
        return {
            "format": FORMAT,
            "lab": self.lab,
            "connection": self.connection,
            "summary": {name: self.summary[name] for name in order},
            "steps": [step.to_json() for step in self.steps],
        }

    def __str__(self) -> str:
        """The canonical text: the same for the same input, for tests and reviews."""
        lines = [line for step in self.steps for line in step_lines(step)]
        return "\n".join([*lines, self.headline()])

    def headline(self) -> str:
        """The one-line summary, as in `plan: 2 to create, 1 to delete, 4 unchanged`."""
        words = [f"{n} to {name}" for name, n in self.summary.items() if n and name != "unchanged"]
        return "plan: " + ", ".join([*words, f"{self.unchanged} unchanged"])


def step_lines(step: Step) -> list[str]:
    """Write one step as `str(plan)` does: the sign and address, then a line a field."""
    lines = [f"{step.action.sign} {step.address}  ({step.cause})"]
    if step.action is Action.CREATE:
        return lines + [f"    {change}" for change in step.fields]
    for change in step.changes:
        note = change.note or _COST[change.effect]
        lines.append(f"    {change}" + (f"  ({note})" if note else ""))
    return lines


_COST = {Effect.LIVE: "", Effect.RESTART: "needs a restart", Effect.REPLACE: "needs a replacement"}


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
    refusals = []
    every = {**observed, **desired}
    for address in sorted(every, key=lambda address: _build_order(every[address])):
        before, after = observed.get(address), desired.get(address)
        step = _step(address, before, after, steps, (applied or {}).get(address))
        if address in restart and before and after:
            step = _restarted(step, before, after)
        if step:
            steps[address] = step
        if step and before and after and (why := after.refusal(before)):
            refusals.append((address, why))
    users = _users(steps.values())
    linked = [replace(step, needs=_step_needs(step, steps, users)) for step in steps.values()]
    return Plan(
        lab,
        connection,
        tuple(sorted(linked, key=lambda step: _build_order(step.spec))),
        len(desired.keys() & observed.keys() - steps.keys()),
        tuple(refusals),
    )


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
