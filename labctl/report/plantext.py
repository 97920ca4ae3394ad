"""The text of a plan: a sign for each action, a line for each new object, and `before → after` for each change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labctl.core.plan import Action
from labctl.core.record import record
from labctl.core.spans import spans
from labctl.core.spec import YES, Effect
from labctl.report import grouping, reachtext
from labctl.report.colour import Paint
from labctl.report.phrases import place
from labctl.report.wrap import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labctl.core.diff import Change
    from labctl.core.plan import Plan, Step
    from labctl.report.grouping import DescribedStep

DIGITS = 12  # how much of a digest is shown
_DIGEST = re.compile(r"[0-9a-f]{40,}")
COLUMN = 24  # the widest column of names; the description of a longer name begins further right or below
FOLDED = "a new VM is shown with its disks and its seed; -v shows every field"
NARROW = 30  # with less room than this beside the names, descriptions stand below them
NOTES = {Effect.RESTART: "needs a restart", Effect.REPLACE: "replaces it"}


@record
class Style:
    """How a text is written: `width` is in columns, and None means without limit; `verbose` shows every field."""

    paint: Paint = Paint()
    width: int | None = None
    verbose: bool = False


def render(plan: Plan, style: Style) -> str:
    """The text of a plan, without a newline at its end; it is one line if there is nothing to do."""
    if not plan.changes:
        return nothing_to_do(plan)
    steps = list(plan.steps) if style.verbose else grouping.shown_steps(plan)
    groups = [[grouping.described(step)] for step in steps] if style.verbose else grouping.groups(steps)
    subject = f"lab {style.paint.bold(plan.lab)}" if plan.lab else "images"
    lines = [f"{subject} on {place(plan.connection)}", ""]
    for block in _blocks(groups, style):
        blank = [""] * bool(block.body)  # only blocks with a body have blank lines around them
        lines += (blank if lines[-1] else []) + block.head + block.body + blank
    lines += [""] * bool(lines[-1])
    if plan.reaches:
        lines += [reachtext.HEAD, *reachtext.listed(plan.reaches, style.paint, style.width), ""]
    lines += summary(plan, style)
    if len(steps) < len(plan.steps):
        hint = wrapped([FOLDED], "", style.width)
        lines += map(style.paint.dim, hint)
    return "\n".join(lines)


def nothing_to_do(plan: Plan) -> str:
    """The text of a plan without changes; it names the steps that run nevertheless."""
    unchanged = plan.summary["unchanged"]
    lines = [f"nothing to do: {unchanged} unchanged" if unchanged else "nothing to do"]
    return "\n".join([*lines, *(f"  runs each time: {step.title}" for step in plan.steps)])


def summary(plan: Plan, style: Style) -> list[str]:
    """`plan: 2 to create, 1 to delete, 4 unchanged`, and what data is lost."""
    lines = [*map(style.paint.bold, wrapped([plan.headline()], "", style.width))]
    lost = [step.id for step in plan.steps if step.destructive and step.action.removes]
    told = [f"data is lost with: {spans(lost)}"] if lost else []
    told += [f"data is lost with {step.address}: {step.loss}" for step in plan.steps if step.loss]
    for line in told:
        lines += map(style.paint.red, wrapped([line], "", style.width))
    return lines


@record
class _Block:
    """The lines of a group: `head` names the objects and the action, `body` has the changes field by field."""

    head: list[str]
    body: list[str]


def _blocks(groups: Sequence[Sequence[DescribedStep]], style: Style) -> Iterator[_Block]:
    new = [grouping.group_name(group) for group in groups if group[0].step.action is Action.CREATE]
    column = max((len(name) for name in new if len(name) <= COLUMN), default=COLUMN)
    for group in groups:
        step = group[0].step
        creates = step.action is Action.CREATE
        head = _creation_head(group, column, style) if creates else _head(group, style)
        yield _Block(head, list(_body(step, style)) if style.verbose or not creates else [])


def _signed(group: Sequence[DescribedStep], name: Sequence[str], paint: Paint) -> list[str]:
    """The lines of a name; the sign of the action stands before the first."""
    step = group[0].step
    signs = [_colour(step, paint)(f"{step.action.sign:>3}"), *["   "] * (len(name) - 1)]
    return [f"{sign} {paint.bold(line)}" for sign, line in zip(signs, name, strict=True)]


def _creation_head(group: Sequence[DescribedStep], column: int, style: Style) -> list[str]:
    """`+ vm/web-1, web-2   each 1 CPU, 512MiB, debian-12 · front 10.90.0.2, .3`."""
    name, indent, room = grouping.group_name(group), 4 + column + 2, None
    beside = style.width is None
    if style.width is not None:
        indent = indent if style.width - indent >= NARROW else 8
        room = style.width - indent
        beside = len(name) <= column and indent > 8
    texts = wrapped((_readable(part) for part in grouping.description(group)), "·", room)
    head = _signed(group, [name] if beside else _fitting(name, style), style.paint)
    if texts and beside:
        head[0] += " " * max(2, column + 2 - len(name)) + texts.pop(0)
    return [*head, *(" " * indent + text for text in texts)]


def _fitting(name: str, style: Style) -> list[str]:
    """A name, wrapped to the room beside the sign."""
    return wrapped([name], "", None if style.width is None else style.width - 4)


def _head(group: Sequence[DescribedStep], style: Style) -> list[str]:
    """`~ vm/web-1, web-2  (changed in the Labfile)`."""
    name, cause = _fitting(grouping.group_name(group), style), f"({group[0].step.cause})"
    head = _signed(group, name, style.paint)
    if style.width is None or 4 + len(name[-1]) + 2 + len(cause) <= style.width:
        return [*head[:-1], f"{head[-1]}  {style.paint.dim(cause)}"]
    return [*head, f"    {style.paint.dim(cause)}"]


def _body(step: Step, style: Style) -> Iterator[str]:
    new = step.action is Action.CREATE
    flags: list[Change] = []
    if style.verbose:
        changes = [[each] for each in (step.fields if new else step.changes)]
    else:
        shown = [each for each in step.changes if not _in_cause(each, step.cause)]
        flags = [each for each in shown if each.condition and YES in (each.before, each.after)]
        changes = grouping.grouped_changes(each for each in shown if each not in flags)
    column = max((len(grouping.field_name(group)) for group in changes), default=0)
    for group in changes:
        yield from _change(group, column, style, new=new)
    for flag in flags:
        yield f"    {_SIGNS['~'](style.paint)('~')} {flag.condition}"


def _in_cause(change: Change, cause: str) -> bool:
    """Whether the cause of the step already says what this change does."""
    plain = {change.before, change.after} <= {YES, True, False, None} or change.unit == "digest"
    return change.after == cause or (plain and change.condition == cause)


def _change(group: Sequence[Change], column: int, style: Style, *, new: bool) -> Iterator[str]:
    change, indent = group[0], 6 + column + 2
    note = "" if new else change.note or NOTES.get(change.effect, "")
    colour = style.paint.red if change.effect is not Effect.LIVE else style.paint.dim
    values = [_readable(text) for text in change.texts]
    if len(group) > 1:
        values[-1] += f" … {_readable(group[-1].texts[-1])}"
    values[-1] += f"  ({note})" if note else ""
    first, *rest = wrapped(values, "→", None if style.width is None else style.width - indent)
    sign = " " if new else _SIGNS[change.sign](style.paint)(change.sign)
    yield f"    {sign} {grouping.field_name(group):<{column}}  {_noted(first, note, colour)}"
    yield from (" " * indent + _noted(line, note, colour) for line in rest)


_SIGNS: dict[str, Callable[[Paint], Callable[[str], str]]] = {
    "+": lambda paint: paint.green,
    "-": lambda paint: paint.red,
    "~": lambda paint: paint.yellow,
}


def _noted(line: str, note: str, paint: Callable[[str], str]) -> str:
    """Colour the note in a line. A note that was wrapped over two lines stays without colour."""
    return line.replace(f"({note})", paint(f"({note})")) if note else line


def _readable(text: str) -> str:
    """A value on one line, in which long digests are shortened."""
    return _DIGEST.sub(lambda match: f"{match[0][:DIGITS]}…", text.replace("\n", "\\n"))


def _colour(step: Step, paint: Paint) -> Callable[[str], str]:
    return {
        Action.CREATE: paint.green,
        Action.UPDATE: paint.yellow,
        Action.RESTART: paint.yellow,
        Action.REPLACE: paint.red,
        Action.DELETE: paint.red,
    }[step.action]
