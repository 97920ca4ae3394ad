"""Which sink shows the events of a run to the user."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from labctl.cli import exits, run_state

if TYPE_CHECKING:
    from labctl.cli.options import Options
    from labctl.core.events import Sink
    from labctl.report.jsonlines import JsonLines


def sink(options: Options) -> Sink:
    """JSON lines on standard output where asked for; live progress on a terminal; plain lines elsewhere.

    By the events `run_state` knows when the first change begins.
    """
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not (options.quiet or options.json):
        from labctl.report.terminal import Terminal

        return run_state.noticed(Terminal(sys.stderr, verbose=options.verbose, colour=options.colour))
    return lines(options)


def lines(options: Options) -> Sink:
    """The same without live progress, which is for steps of a plan."""
    if options.json:
        return run_state.noticed(json_lines())
    from labctl.report.plain import Plain

    return run_state.noticed(Plain(sys.stderr, quiet=options.quiet, verbose=options.verbose))


def json_lines() -> JsonLines:
    """JSON lines on standard output, as all verbs write them that tell something while it happens."""
    from labctl.report.jsonlines import JsonLines

    return JsonLines(sys.stdout, exits.of_ending)
