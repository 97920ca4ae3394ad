from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from labctl.cli import context
from labctl.cli.options import Options, with_global_options
from labctl.report import wrap
from labctl.report.colour import Paint

if TYPE_CHECKING:
    from labctl.host.machine.doctor.check import Check

app = typer.Typer(add_completion=False)

COLUMN = 25  # where what was found begins
SIGNS = {"ok": "✓", "warn": "!", "fail": "✗"}


@app.command()
@with_global_options(json="doctor", libvirt=False)
def run(options: Options) -> int:
    """Check this host and say how to mend it.

    Example: `labctl doctor`
    """
    from labctl.app import doctor
    from labctl.host.host import Host

    paint = Paint.on_stdout(allowed=options.colour)
    checks = []
    for check in doctor.examine(Host(options.connect)):
        checks.append(check)
        if not options.json and (check.verdict != "ok" or not options.quiet):
            context.write(line(check, paint, wrap.width(sys.stdout)))
    if options.json:
        context.write_json({"format": doctor.FORMAT, "checks": [check.to_json() for check in checks]})
    elif not options.quiet:
        counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in SIGNS}
        text = f"{counts['ok']} fine, {counts['warn']} to look at, {counts['fail']} to mend"
        context.write(f"\n{text}: " + ("labs can't run yet" if counts["fail"] else "labs can run here"))
    return 1 if doctor.failed(checks) else 0


def line(check: Check, paint: Paint, width: int | None = None) -> str:
    """As in `✗ dnsmasq          fail  not found …`, with what mends it below."""
    colour = {"ok": paint.green, "warn": paint.yellow, "fail": paint.red}[check.verdict]
    head = f"{colour(SIGNS[check.verdict])} {check.name:<16} {colour(f'{check.verdict:<4}')}  "
    room = None if width is None else width - COLUMN
    lines = wrap.at_spaces(check.found, room).split("\n")
    if check.verdict != "ok" and check.fix:
        lines.append(f"mend it: {check.fix}")  # a command to be pasted, which is not broken
    if check.verdict != "ok" and check.advice:
        advice = check.advice if check.fix else f"mend it: {check.advice}"
        lines += wrap.at_spaces(advice, room).split("\n")
    return head + f"\n{'':{COLUMN}}".join(lines)
