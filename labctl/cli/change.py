"""What the verbs that change a lab have in common: show the plan, ask, run, give the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context, exits, interruptions, prompts, run_state, sinks
from labctl.core.errors import RunFailed, UsageError
from labctl.core.plan import Action
from labctl.report.phrases import plural, series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labctl.app.change import Confirm
    from labctl.app.lab import Lab
    from labctl.cli.options import Options
    from labctl.core.events import Finished
    from labctl.core.plan import Plan
    from labctl.core.spec import Spec


def run(
    lab: Lab,
    verb: str,
    call: Callable[[Confirm], Finished],
    options: Options,
    *,
    yes: bool,
) -> int:
    """Make this call of the lab, which shows its plan and asks before it changes anything."""
    run_state.start(verb)
    lab.subscribe(sinks.sink(options))
    with interruptions.asking(lab.stop):
        try:
            finished = call(lambda plan: confirmed(plan, verb, yes=yes))
        except RunFailed as error:  # its events have told it
            finished = error.finished
    return exits.of_ending(finished.ending)


def confirmed(plan: Plan, verb: str, *, yes: bool) -> bool:
    """Ask whether to apply the plan, which the sink has shown.

    Raises:
        UsageError: it is destructive, and nobody is there to ask.
    """
    if yes:
        return True
    destructive = plan.destructive or verb == "destroy"
    if not context.interactive():
        if destructive:
            raise UsageError(
                f"this would {_loss(plan)}, and there is no terminal to ask on; nothing was changed",
                hint="the same command with --yes does it without asking",
            )
        return True
    if destructive:
        return prompts.ask(f"this will {_loss(plan)}; type yes to go on: ") == "yes"
    return prompts.ask("apply? [y/N] ").lower() in ("y", "yes")


def _loss(plan: Plan) -> str:
    """Say what would be lost, as in `delete 1 snapshot, 2 VMs and 1 disk, replace 1 VM`.

    Of what has no data it says so only where there is nothing else, as in `delete 1 warm state`.
    """
    parts = []
    for action in (Action.DELETE, Action.REPLACE):
        lost = [step.spec for step in plan.steps if step.action is action and step.spec.holds_data]
        parts += [f"{action} {_counted(lost)}"] if lost else []
    if losses := [f"{step.address} {step.loss}" for step in plan.steps if step.loss]:
        parts.append(f"lose with {', with '.join(losses)}")
    gone = [step.spec for step in plan.steps if step.action is Action.DELETE]
    return ", ".join(parts) or f"delete {_counted(gone) if gone else f'the lab {plan.lab}'}"


def _counted(specs: Iterable[Spec]) -> str:
    words = [spec.word or spec.kind for spec in sorted(specs, key=lambda spec: spec.rank, reverse=True)]
    return series([plural(words.count(word), word) for word in dict.fromkeys(words)])
