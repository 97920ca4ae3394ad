"""Groups the steps and changes of a plan that a text shows on one line: `vm/web-1, web-2`, `vm/web-1 … web-30`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.plan import Action
from labctl.core.record import record
from labctl.core.spans import FEW, follows, pattern, spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labctl.core.diff import Change
    from labctl.core.plan import Plan, Step
    from labctl.core.spec import BriefPart


def shown_steps(plan: Plan) -> list[Step]:
    """The steps that get a line. A new object whose owner is new too, as a VM's disk, is shown with its owner."""
    new = {step.address for step in plan.steps if step.action is Action.CREATE}
    return [step for step in plan.steps if step.address not in new or step.spec.owner not in new]


@record
class DescribedStep:
    """A step, with the description of the object if the step creates one."""

    step: Step
    parts: tuple[BriefPart, ...] = ()

    @property
    def own_words(self) -> list[str]:
        """What only this object has, such as its addresses."""
        return [word for part in self.parts for word in part.own.split()]

    @property
    def grouping_key(self) -> tuple[object, ...]:
        """Steps with the same key may share a line."""
        step, parts = self.step, [(part.what, len(part.own.split())) for part in self.parts]
        return step.address.kind, step.spec.given_name, step.action, step.cause, step.changes, *parts


def described(step: Step) -> DescribedStep:
    return DescribedStep(step, step.spec.brief() if step.action is Action.CREATE else ())


def groups(steps: Sequence[Step]) -> list[list[DescribedStep]]:
    """The groups of steps that share a line, each at the place of its first step.

    A group has at most `FEW` steps, unless their names and addresses are consecutive: a span such as `.2 … .31` then
    still shows which object has which address.
    """
    alike: dict[tuple[object, ...], list[DescribedStep]] = {}
    for step in steps:
        one = described(step)
        alike.setdefault(one.grouping_key, []).append(one)
    by_first = {group[0].step.address: group for similar in alike.values() for group in _split(similar)}
    return [by_first[step.address] for step in steps if step.address in by_first]


def _split(similar: Sequence[DescribedStep]) -> Iterator[list[DescribedStep]]:
    """Split similar steps into groups that are short, or whose names are consecutive."""
    few: list[DescribedStep] = []
    for run in _runs(similar):
        if few and len(few) + len(run) > FEW:
            yield few
            few = []
        if len(run) > FEW:
            yield run
        else:
            few = [*few, *run]
    if few:
        yield few


def _runs(similar: Sequence[DescribedStep]) -> list[list[DescribedStep]]:
    """Runs of steps with consecutive names. Steps with other names in between don't end a run."""
    runs: list[list[DescribedStep]] = []
    latest: dict[str, list[DescribedStep]] = {}  # the last run of each name pattern
    for one in similar:
        name = pattern(one.step.id)
        run = latest.get(name)
        if run and _consecutive(run[-1], one):
            run.append(one)
        else:
            runs.append([one])
            latest[name] = runs[-1]
    return runs


def _consecutive(one: DescribedStep, other: DescribedStep) -> bool:
    """Whether the names of two objects are consecutive, and so is everything in which they differ."""
    differing = [(a, b) for a, b in zip(one.own_words, other.own_words, strict=True) if a != b]
    return all(follows(a, b) for a, b in [(one.step.id, other.step.id), *differing])


def group_name(group: Sequence[DescribedStep]) -> str:
    """`vm/web-1, web-2`, `provision/web/2 nginx`."""
    step = group[0].step
    return (
        f"{step.address.kind}/{spans(one.step.address.name for one in group)} {step.spec.given_name}".rstrip()
    )


def description(group: Sequence[DescribedStep]) -> list[str]:
    """Describe new objects, part by part; values in which they differ come in the order of their names."""
    spec = group[0].step.spec
    each = "each " if spec.has_amounts else ""
    prefix = each if len(group) > 1 else ""
    if len(group) > FEW:
        prefix = f"{len(group)} {spec.word or spec.kind}s{', ' if each else ': '}{each}"
    texts = []
    for parts in zip(*(one.parts for one in group), strict=True):
        first, *rest = _own(parts)
        texts += [" ".join(filter(None, (parts[0].what, first))), *rest]
    return [prefix + texts[0], *texts[1:]] if texts else []


def _own(parts: Sequence[BriefPart]) -> list[str]:
    """What is the objects' own in one part: a text for each object, or one for all, word by word."""
    if between := parts[0].between:
        texts = [between.join(part.own.split()) for part in parts]
        return [f"{texts[0]} … {texts[-1]}"] if len(texts) > FEW else texts
    return [" and ".join(map(_abbreviated, _columns(parts)))]


def _columns(parts: Sequence[BriefPart]) -> Iterator[tuple[str, ...]]:
    """The first own word of every part, then the second of every part, and so on."""
    return zip(*(part.own.split() for part in parts), strict=True)


def _abbreviated(words: Sequence[str]) -> str:
    """`10.0.0.2`, `10.0.0.2, .3` or `10.0.0.2 … .31`."""
    first, *rest = words
    if set(words) == {first}:
        return first
    short = [_short(word, first) for word in rest]
    return f"{first} … {short[-1]}" if len(words) > FEW else ", ".join([first, *short])


def _short(address: str, first: str) -> str:
    """Only the last part of an IPv4 address if its other parts are those of `first`."""
    network, dot, last = address.rpartition(".")
    return f".{last}" if dot and first.rpartition(".")[0] == network else address


def grouped_changes(changes: Iterable[Change]) -> list[list[Change]]:
    """Group consecutive items that are added or removed, as a network's reservations; other changes stay alone."""
    runs: list[list[Change]] = []
    for change in changes:
        if runs and _continues(runs[-1][-1], change):
            runs[-1].append(change)
        else:
            runs.append([change])
    return [group for run in runs for group in ([run] if len(run) > FEW else [[each] for each in run])]


def _continues(one: Change, other: Change) -> bool:
    (name, _, key), (other_name, _, other_key) = (each.field.partition(".") for each in (one, other))
    alike = (one.sign, one.effect, name) == (other.sign, other.effect, other_name)
    return alike and one.sign != "~" and follows(key, other_key)


def field_name(group: Sequence[Change]) -> str:
    """`dhcp_hosts.10.0.0.2 … .31`."""
    first, last = group[0].field, group[-1].field
    return first if len(group) == 1 else f"{first} … {_short(last, first)}"
