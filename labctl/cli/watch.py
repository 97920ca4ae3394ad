from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import typer

from labctl.cli import change, context, exits, interruptions, run_state, sinks
from labctl.cli.arguments import Locked, Overcommit, Vms
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import RunFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labctl.app.lab import Lab
    from labctl.core.events import Event
    from labctl.core.plan import Plan

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(
    options: Options,
    vms: Vms = None,
    *,
    locked: Locked = False,
    overcommit: Overcommit = False,
) -> int:
    """Apply the Labfile whenever it changes, or a file in it.

    Folders with `type: rsync` are copied whenever something in them changes.

    What is live is applied at once. A plan that restarts, replaces, deletes or
    shuts down something is asked for on a terminal, and elsewhere only told.

    Ctrl-C ends it, and leaves the lab as it is.

    Example: `labctl watch web`
    """
    lab = context.lab(options, locked=locked, overcommit=overcommit)
    if lab.labfile == "-":
        raise UsageError("what standard input says can't be watched", hint="name a Labfile by -f")
    return _until_interrupted(lab, vms or (), options)


def _until_interrupted(lab: Lab, vms: Iterable[str], options: Options) -> int:
    """Watch, and give the exit code."""
    from labctl.app import watch

    shown = _Shown(options)
    lab.subscribe(shown)

    def run(method: Callable[[], object]) -> None:
        shown.begin()
        run_state.start("up")
        try:
            with interruptions.asking(lab.stop):
                method()
        finally:
            run_state.start()

    apply = partial(run, lambda: lab.up(vms, confirm=_agreed))
    sync = partial(run, lambda: lab.sync(vms))

    def ready() -> None:
        if not options.quiet:
            context.say(f"watching {lab.labfile} and the files in it; Ctrl-C ends it")

    with interruptions.until_interrupted():
        try:
            watch.watch(lab.session, apply, sync, shown, ready)
        except RunFailed as error:  # its events have told it
            return exits.of_ending(error.finished.ending)
    return exits.INTERRUPTED


def _agreed(plan: Plan) -> bool:
    """Whether a plan may be applied: what is live without a question."""
    from labctl.app import watch

    if not (needing := watch.needing_a_yes(plan)):
        return True
    what = ", ".join(needing)
    if context.interactive():
        context.say(f"not done without a yes: {what}")
        return change.confirmed(plan, "up", yes=False)
    context.say(f"not done without a yes, and there is no terminal to ask on: {what}; `labctl up` does it")
    return False


class _Shown:
    """Shows events as `up` does. Text has a new sink for each run, which knows nothing of the run before."""

    def __init__(self, options: Options) -> None:
        self._options, self._sink = options, sinks.sink(options)

    def begin(self) -> None:
        if not self._options.json:
            self._sink = sinks.sink(self._options)

    def __call__(self, event: Event) -> None:
        self._sink(event)
