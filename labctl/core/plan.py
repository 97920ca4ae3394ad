"""A plan and its steps, as people and JSON see them: one step for each address.

`planning` makes a plan, `operations` breaks it into the executor's operations.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from labctl.core.diff import Change, created, deleted
from labctl.core.record import record
from labctl.core.spec import Effect, Spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.core.address import Address
    from labctl.core.errors import Problem
    from labctl.core.host_reach import HostReach

S_co = TypeVar("S_co", bound=Spec, covariant=True)

LOST, REPLACED = "lost", "replaced"  # the values of a change that an object inherits from one that it needs
FORMAT = 1


class Action(StrEnum):
    """What a step does, in the words of the plan's JSON."""

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
        """Whether a new object is created."""
        return self in (Action.CREATE, Action.REPLACE)

    @property
    def removes(self) -> bool:
        """Whether an existing object is deleted."""
        return self in (Action.DELETE, Action.REPLACE)


@record
class StepOf(Generic[S_co]):
    """What happens to one address, and why.

    `before` is the spec of the existing object, `after` that of the wanted one; each is None where there is none.
    `needs` are the ids of the steps that come first.
    """

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
    def title(self) -> str:
        """The address, and the name that people gave to the object: `provision/web/2 nginx`."""
        return f"{self.address} {self.spec.given_name}".rstrip()

    @property
    def recurs(self) -> bool:
        """Whether the step comes back with each run, so that it is no difference from what is wanted."""
        return self.spec.recurs(self.changes)

    @property
    def destructive(self) -> bool:
        """Whether the step can lose data of the user."""
        return (self.action.removes and self.spec.holds_data) or bool(self.loss)

    @property
    def loss(self) -> str:
        """The user's data that is lost although nothing is deleted, as `what is in /srv/copy.qcow2`; else empty."""
        return self.after.loss(self.before, self.effect) if self.before and self.after and self.effect else ""

    @property
    def effect(self) -> Effect | None:
        """The greatest effect of its changes; None without changes."""
        return max((change.effect for change in self.changes), default=None)

    @property
    def spec(self) -> S_co:
        spec = self.after or self.before
        assert spec is not None  # `planning` makes no step without either
        return spec

    @property
    def wanted(self) -> S_co:
        """The wanted spec, for a driver that creates or changes the object."""
        assert self.after is not None  # only for DELETE there is none
        return self.after

    @property
    def existing(self) -> S_co:
        """The existing spec, for a driver that changes or deletes the object."""
        assert self.before is not None  # only for CREATE there is none
        return self.before

    @property
    def fields(self) -> tuple[Change, ...]:
        """The changes field by field; of a created or deleted object, all fields that are set."""
        if self.after is None:
            return deleted(self.spec)
        return created(self.spec) if self.before is None else self.changes

    def to_json(self) -> dict[str, Any]:
        """Give a step of `schemas/plan.schema.json`."""
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


Step = StepOf[Spec]  # of any kind
S = TypeVar("S", bound=Spec)


def steps_of(steps: Iterable[Step], kind: type[S]) -> Iterator[StepOf[S]]:
    """The steps of one kind."""
    return (cast("StepOf[S]", step) for step in steps if isinstance(step.spec, kind))


@record
class Plan:
    """The steps of a run, in the order of their addresses.

    `unchanged` counts the objects without a step; `summary` adds those whose step only comes back with each run.
    `refusals` are addresses whose change is impossible, with a problem. `reaches` is all that the lab reaches of the
    host beyond its own folder; it stands there although nothing changes.
    """

    lab: str
    connection: str
    steps: tuple[Step, ...] = ()
    unchanged: int = 0
    refusals: tuple[tuple[Address, Problem], ...] = ()
    reaches: tuple[HostReach, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    @property
    def changes(self) -> bool:
        """Whether something differs from what is wanted. Steps that come back with each run don't count."""
        return any(not step.recurs for step in self.steps)

    @property
    def destructive(self) -> bool:
        return any(step.destructive for step in self.steps)

    @property
    def summary(self) -> dict[str, int]:
        counts = Counter(step.action for step in self.steps if not step.recurs)
        unchanged = self.unchanged + sum(step.recurs for step in self.steps)
        return {str(action): counts[action] for action in Action} | {"unchanged": unchanged}

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "lab": self.lab,
            "connection": self.connection,
            "summary": self.summary,
            "steps": [step.to_json() for step in self.steps],
            "reaches": [each.to_json() for each in self.reaches],
        }

    def __str__(self) -> str:
        """The canonical text, which is the same for the same plan: for tests and reviews."""
        lines = [line for step in self.steps for line in step_lines(step)]
        lines += [f"! {each}" for each in self.reaches]
        return "\n".join([*lines, self.headline()])

    def headline(self) -> str:
        """The one-line summary, as in `plan: 2 to create, 1 to delete, 4 unchanged`."""
        words = [f"{n} to {name}" for name, n in self.summary.items() if n and name != "unchanged"]
        recurring = sum(step.recurs for step in self.steps)
        words += [
            f"{recurring} that runs each time" if recurring == 1 else f"{recurring} that run each time"
        ] * bool(recurring)
        return "plan: " + ", ".join([*words, f"{self.unchanged} unchanged"])


def step_lines(step: Step) -> list[str]:
    """The lines of a step in `str(plan)`: one with its sign, address and cause, then one for each changed field."""
    lines = [f"{step.action.sign} {step.title}  ({step.cause})"]
    if step.action is Action.CREATE:
        return lines + [f"    {change}" for change in step.fields]
    for change in step.changes:
        note = change.note or _COST[change.effect]
        lines.append(f"    {change}" + (f"  ({note})" if note else ""))
    return lines


_COST = {Effect.LIVE: "", Effect.RESTART: "needs a restart", Effect.REPLACE: "needs a replacement"}
