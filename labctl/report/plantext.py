"""A plan for people, as users of Terraform know it: signs, field by field before → after, a summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labctl.core.diff import show
from labctl.core.plan import Action
from labctl.core.spec import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.core.diff import Change
    from labctl.core.plan import Plan, Step
    from labctl.report.colour import Paint

DIGITS = 12  # of a digest are enough for people
_DIGEST = r"[0-9a-f]{40,}"
NOTES = {Effect.RESTART: "needs a restart", Effect.REPLACE: "replaces it"}


def render(plan: Plan, paint: Paint) -> str:
    """The whole text, without a line's end; one line when there is nothing to do."""
    if not plan:
        return nothing(plan)
    what = f"lab {paint.bold(plan.lab)}" if plan.lab else "images"
    lines = [f"{what} on {plan.connection}", ""]
    for step in plan.steps:
        told = list(_step(step, paint))
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


def _step(step: Step, paint: Paint) -> Iterator[str]:
    cause = (
        "" if step.action is Action.CREATE else f"  {paint.dim(f'({step.cause})')}"
    )  # that it is new shows
    yield f"{_colour(step, paint)(f'{step.action.sign:>3}')} {paint.bold(str(step.address))}{cause}"
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
        return ", ".join(map(str, value))
    return value if isinstance(value, bool | int | float) else str(value).replace("\n", "\\n")


def _colour(step: Step, paint: Paint) -> Callable[[str], str]:
    return {
        Action.CREATE: paint.green,
        Action.UPDATE: paint.yellow,
        Action.RESTART: paint.yellow,
        Action.REPLACE: paint.red,
        Action.DELETE: paint.red,
    }[step.action]
