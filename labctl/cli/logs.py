from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context, interruptions, run_state, sinks
from labctl.cli.arguments import OnlyVms
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError
from labctl.report import screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.app.logs import LogLine
    from labctl.app.session import Session
    from labctl.report.jsonlines import JsonLines

app = typer.Typer(add_completion=False)


Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="go on as they grow, until Ctrl-C; --file names a Labfile")
]
Last = Annotated[
    int | None, typer.Option("--lines", "-n", metavar="N", min=0, help="only the last N lines of each")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="DUR|TIME",
        help="only lines since then, such as 10m or 2026-11-27T09:30; a console's lines have no times",
    ),
]
CloudInit = Annotated[bool, typer.Option("--cloud-init", help="what cloud-init printed, from running guests")]
Provision = Annotated[
    bool, typer.Option("--provision", help="what the steps of `provision:` did, from running guests")
]


@app.command()
@with_global_options(json="events")
def run(  # noqa: PLR0913  # the verb's options
    options: Options,
    vms: OnlyVms = None,
    *,
    follow: Follow = False,
    lines: Last = None,
    since: Since = None,
    cloud_init: CloudInit = False,
    provision: Provision = False,
) -> int:
    """Show the console logs of VMs.

    A log begins with the last start of its VM. Of a long one the end is kept.

    Example: `labctl logs -f -n 20 web db`
    """
    from datetime import UTC, datetime

    from labctl.app import guest_logs, logs

    sources = ["cloud-init"] * cloud_init + ["provision"] * provision
    moment = guest_logs.since(since, datetime.now(UTC), sources) if since is not None else None
    session = context.session(options, labfile_optional=True)
    names = list(chosen := _chosen(session, vms or []))
    tell = _Shown(options, names)
    stopping = interruptions.until_interrupted(lambda: not session.stop.at_once and session.stop.ask())
    if sources:
        asked = guest_logs.Asked(follow, lines, moment, context.say)
        with stopping:
            failed = guest_logs.tell_logs(session, names, sources, asked, tell)
        for error in failed:
            context.say(f"note: {error}")
        return 0
    _tell_missing(chosen, follow=follow)
    with stopping:
        logs.consoles(session, names, tell, follow=follow, last=lines)
    if not tell.any and lines != 0 and not options.quiet:
        one = f"the console log of {names[0]} is still empty" if len(names) == 1 else ""
        context.say(one or "no VM has a log yet")
    return 0


def _tell_missing(vms: dict[str, bool], *, follow: bool) -> None:
    """Note each VM that is not there yet. It is an error if that is all of them, unless it is waited for them."""
    from labctl.app.one_vm import NotRunning, errors_of_several

    missing = [NotRunning(name) for name, there in vms.items() if not there]
    if missing and len(missing) == len(vms) and not follow:
        raise errors_of_several(missing)
    for each in missing:
        context.say(f"note: {each}; {each.hint}")


def _chosen(session: Session, vms: list[str]) -> dict[str, bool]:
    from labctl.app import logs

    try:
        return logs.choose_vms(session, vms)
    except UsageError as error:
        if any("/" in each or each.endswith((".yaml", ".yml")) for each in vms):
            error.hint = "-f is --follow here: name a Labfile by --file, or by -f before `logs`"
        raise


class _Shown:
    """Shows lines as they come: with the VM's name in front, in a colour of its own, where there are several VMs."""

    def __init__(self, options: Options, names: list[str]) -> None:
        from labctl.report.colour import Paint
        from labctl.report.prefixed import prefixes

        self.any = False
        self._json: JsonLines | None = None
        if options.json:
            self._json = sinks.json_lines()
            self._json.begin()
        several = prefixes(names, Paint.on_stdout(allowed=options.colour))
        self._heads = several if len(names) > 1 else dict.fromkeys(names, "")

    def __call__(self, lines: Sequence[LogLine]) -> None:
        self.any = self.any or bool(lines)
        if self._json:
            self._json.whole(map(run_state.masked, lines))
        else:
            screen.write(sys.stdout, "".join(map(self._text, lines)))

    def _text(self, line: LogLine) -> str:
        return f"{self._heads[line.vm]}{run_state.masked(line.line)}\n"
