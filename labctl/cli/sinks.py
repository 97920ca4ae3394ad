"""Which sink shows the events of a run to the user."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from labctl.cli import exits, run_state

if TYPE_CHECKING:
    from labctl.cli.options import Options
    from labctl.core.events import Sink


def sink(options: Options) -> Sink:
    """JSON lines on standard output where asked for; live progress on a terminal; plain lines elsewhere.

    By the events `run_state` knows when the first change begins.
    """
    return run_state.noticed(_shown(options))


def _shown(options: Options) -> Sink:
    if options.json:
        from labctl.report.jsonlines import JsonLines

        return JsonLines(sys.stdout, exits.of_ending)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not options.quiet:
        from labctl.report.terminal import Terminal

        return Terminal(sys.stderr, verbose=options.verbose, colour=options.colour)
    from labctl.report.plain import Plain

    return Plain(sys.stderr, quiet=options.quiet, verbose=options.verbose)
