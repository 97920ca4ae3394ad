"""Which sink a run gets."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from labctl.report.redact import redacting

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.core.events import Sink


def sink(*, json: bool, quiet: bool, verbose: bool, colour: bool, secrets: Collection[str]) -> Sink:
    """JSON lines on standard output where asked for; live progress on a terminal; plain lines elsewhere."""
    return redacting(_sink(json=json, quiet=quiet, verbose=verbose, colour=colour), secrets)


def _sink(*, json: bool, quiet: bool, verbose: bool, colour: bool) -> Sink:
    if json:
        from labctl.report.jsonlines import JsonLines

        return JsonLines(sys.stdout)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not quiet:
        from labctl.report.terminal import Terminal

        return Terminal(sys.stderr, verbose=verbose, colour=colour)
    from labctl.report.plain import Plain

    return Plain(sys.stderr, quiet=quiet, verbose=verbose)
