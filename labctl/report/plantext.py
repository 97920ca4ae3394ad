"""A plan for people, as users of Terraform know it: signs, field by field before → after, a summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labctl.core.diff import show
from labctl.core.plan import Action
from labctl.core.spec import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labctl.core.diff import Change
    from labctl.core.plan import Plan, Step
    from labctl.report.colour import Paint

DIGITS = 12  # of a digest are enough for people
_NUMBER = re.compile(r"[0-9]+")
_DIGEST = r"[0-9a-f]{40,}"
FEW_STEPS, FEW_VALUES = 3, 8  # more are not written out on the screen; --json has them all
NOTES = {Effect.RESTART: "needs a restart", Effect.REPLACE: "replaces it"}


def render(plan: Plan, paint: Paint) -> str:
    """The whole text, without a line's end; one line when there is nothing to do."""
    if not plan:
        return nothing(plan)
    what = f"lab {paint.bold(plan.lab)}" if plan.lab else "images"
    lines = [f"{what} on {plan.connection}", ""]
    for told in _blocks(plan.steps, paint):
        block = len(told) > 1  # stands apart; single lines stay together
        lines += [""] * (block and bool(lines[-1])) + told + [""] * block
    lines += [""] * bool(lines[-1])
    return "\n".join([*lines, summary(plan, paint)])


def nothing(plan: Plan) -> str:
    return f"nothing to do: {plan.unchanged} unchanged" if plan.unchanged else "nothing to do"


def summary(plan: Plan, paint: Paint) -> str:
    """As in `plan: 2 to create, 1 to delete, 4 unchanged`, with a warning where data goes."""
    text = paint.bold(plan.headline())
    lost = [str(step.address) for step in plan.steps if step.destructive]
    if lost:
        few = 6
        names = ", ".join(lost[:few]) + (f" and {len(lost) - few} more" if len(lost) > few else "")
        text += "\n" + paint.red(f"data is lost with: {names}")
    return text


def _blocks(steps: Sequence[Step], paint: Paint) -> Iterator[list[str]]:
    """The lines of each step; those of instances to which the same happens in one block, where the first stands."""
    runs: list[list[Step]] = []
    latest: dict[tuple[object, ...], list[Step]] = {}
    for step in steps:
        likeness = _likeness(step, paint)
        run = latest.get(likeness)
        if run and _follows(run[-1], step):
            run.append(step)
        else:
            runs.append([step])
            latest[likeness] = runs[-1]
    long = {run[0].address: run for run in runs if len(run) > FEW_STEPS}
    told = {step.address for run in long.values() for step in run[1:]}
    for step in steps:
        if step.address in long:
            run = long[step.address]
            name = f"{step.address} … {run[-1].address}"
            yield [_head(step, paint, name, f"{len(run)} alike"), *_body(step, paint)]
        elif step.address not in told:
            yield [_head(step, paint), *_body(step, paint)]


def _likeness(step: Step, paint: Paint) -> tuple[object, ...]:
    return _NUMBER.sub("#", str(step.address)), step.action, step.cause, *_body(step, paint)


def _follows(one: Step, next_: Step) -> bool:
    """Whether two addresses that are alike but for numbers differ by one in one of them."""
    pairs = zip(*(map(int, _NUMBER.findall(str(each.address))) for each in (one, next_)), strict=True)
    return [b - a for a, b in pairs if a != b] == [1]


def _head(step: Step, paint: Paint, name: str = "", note: str = "") -> str:
    cause = "" if step.action is Action.CREATE else step.cause  # that it is new shows
    told = ", ".join(filter(None, (note, cause)))
    sign = _colour(step, paint)(f"{step.action.sign:>3}")
    return f"{sign} {paint.bold(name or str(step.address))}" + (f"  {paint.dim(f'({told})')}" if told else "")


def _body(step: Step, paint: Paint) -> Iterator[str]:
    if step.action is Action.CREATE:
        rows = [row for row in step.spec.summary() if row[2] != "digest"]
        width = max((len(name) for name, _, _ in rows), default=0)
        for name, value, unit in rows:
            yield f"      {name:<{width}}  {re.sub(_DIGEST, _short, show(_text(value), unit))}"
    width = max((len(each.field) for each in step.changes), default=0)
    for change in step.changes:
        yield _change(change, width, paint)


def _change(change: Change, width: int, paint: Paint) -> str:
    before, after = (
        re.sub(_DIGEST, _short, show(value, change.unit)) for value in (change.before, change.after)
    )
    if change.before is None:
        sign, values = paint.green("+"), after
    elif change.after is None:
        sign, values = paint.red("-"), before
    else:
        sign, values = paint.yellow("~"), f"{before} → {after}" if change.before != "" else after
    note = NOTES.get(change.effect)
    return f"    {sign} {change.field:<{width}}  {values}" + (paint.red(f"  ({note})") if note else "")


def _short(digest: re.Match[str]) -> str:
    return f"{digest[0][:DIGITS]}…"


def _text(value: object) -> str | int | float | bool:
    """A field's value on one line: tuples joined, line breaks escaped."""
    if isinstance(value, tuple):
        more = len(value) - FEW_VALUES
        return ", ".join(map(str, value[:FEW_VALUES])) + f" and {more} more" * (more > 0)
    return value if isinstance(value, bool | int | float) else str(value).replace("\n", "\\n")


def _colour(step: Step, paint: Paint) -> Callable[[str], str]:
    return {
        Action.CREATE: paint.green,
        Action.UPDATE: paint.yellow,
        Action.RESTART: paint.yellow,
        Action.REPLACE: paint.red,
        Action.DELETE: paint.red,
    }[step.action]
