"""Steps to which the same happens are told at once: `vm/web-1, web-2`, `vm/web-1 … web-30`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.plan import Action
from labctl.core.record import record
from labctl.core.spans import FEW, follows, pattern, spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labctl.core.diff import Change
    from labctl.core.plan import Plan, Step
    from labctl.core.spec import Part


def told(plan: Plan) -> list[Step]:
    """The steps that have a line: what comes with its owner, as a VM's disks, is told with that."""
    new = {step.address for step in plan.steps if step.action is Action.CREATE}
    return [step for step in plan.steps if step.address not in new or step.spec.owner not in new]


@record
class Told:
    """A step with its parts, where it makes something new."""

    step: Step
    parts: tuple[Part, ...] = ()

    @property
    def owns(self) -> list[str]:
        return [word for part in self.parts for word in part.own.split()]

    @property
    def likeness(self) -> tuple[object, ...]:
        """A key that steps share which can be told together."""
        step, parts = self.step, [(part.what, len(part.own.split())) for part in self.parts]
        return step.address.kind, step.action, step.cause, step.changes, *parts


def alone(step: Step) -> list[Told]:
    return [Told(step, step.spec.brief() if step.action is Action.CREATE else ())]


def groups(steps: Sequence[Step]) -> list[list[Told]]:
    """What is told at once, each where the first of its steps stands.

    No more than a few are listed; more only in a row, so that it shows which has what.
    """
    alike: dict[tuple[object, ...], list[Told]] = {}
    for step in steps:
        (one,) = alone(step)
        alike.setdefault(one.likeness, []).append(one)
    found = {group[0].step.address: group for those in alike.values() for group in _portions(those)}
    return [found[step.address] for step in steps if step.address in found]


def _portions(every: Sequence[Told]) -> Iterator[list[Told]]:
    runs: list[list[Told]] = []
    latest: dict[str, list[Told]] = {}  # of those whose names are alike but for numbers
    for one in every:
        name = pattern(one.step.id)
        run = latest.get(name)
        if run and _next(run[-1], one):
            run.append(one)
        else:
            runs.append([one])
            latest[name] = runs[-1]
    few: list[Told] = []
    for run in runs:
        if len(run) > FEW or len(few) + len(run) > FEW:
            yield from [few] * bool(few)
            few = []
        if len(run) > FEW:
            yield run
        else:
            few = [*few, *run]
    yield from [few] * bool(few)


def _next(one: Told, other: Told) -> bool:
    """Whether the names of the two are consecutive, and so is all that each has for itself."""
    owns = [(a, b) for a, b in zip(one.owns, other.owns, strict=True) if a != b]
    return all(follows(a, b) for a, b in [(one.step.id, other.step.id), *owns])


def name(group: Sequence[Told]) -> str:
    """`vm/web-1, web-2`."""
    return f"{group[0].step.address.kind}/{spans(one.step.address.name for one in group)}"


def parts(group: Sequence[Told]) -> list[str]:
    """What is told of new things, part by part, with each one's own in the order of their names."""
    kind = group[0].step.address.kind
    several = "each " if len(group) > 1 else ""
    if len(group) > FEW:
        several = f"{len(group)} {_PLURAL.get(kind, f'{kind}s')}, each "
    texts = [
        " ".join(filter(None, (those[0].what, " and ".join(map(_folded, _columns(those))))))
        for those in zip(*(one.parts for one in group), strict=True)
    ]
    return [several + texts[0], *texts[1:]] if texts else []


_PLURAL = {"vm": "VMs"}


def _columns(those: Sequence[Part]) -> Iterator[tuple[str, ...]]:
    return zip(*(part.own.split() for part in those), strict=True)


def _folded(words: Sequence[str]) -> str:
    """`10.0.0.2`, `10.0.0.2, .3` or `10.0.0.2 … .31`."""
    first, *rest = words
    if set(words) == {first}:
        return first
    short = [_short(word, first) for word in rest]
    return f"{first} … {short[-1]}" if len(words) > FEW else ", ".join([first, *short])


def _short(address: str, first: str) -> str:
    """The last part of an IPv4 address whose other parts were told."""
    network, dot, last = address.rpartition(".")
    return f".{last}" if dot and first.rpartition(".")[0] == network else address


def changes(every: Iterable[Change]) -> list[list[Change]]:
    """Put consecutive items that come or go, as a network's reservations, on one line; others stand alone."""
    runs: list[list[Change]] = []
    for change in every:
        if runs and _continues(runs[-1][-1], change):
            runs[-1].append(change)
        else:
            runs.append([change])
    return [part for run in runs for part in ([run] if len(run) > FEW else [[each] for each in run])]


def _continues(one: Change, other: Change) -> bool:
    (name, _, key), (same, _, next_) = (each.field.partition(".") for each in (one, other))
    alike = (one.sign, one.effect, name) == (other.sign, other.effect, same)
    return alike and one.sign != "~" and follows(key, next_)


def field(group: Sequence[Change]) -> str:
    """`dhcp_hosts.10.0.0.2 … .31`."""
    first, last = group[0].field, group[-1].field
    return first if len(group) == 1 else f"{first} … {_short(last, first)}"
