"""Chooses the sink of a run."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from labctl.report.jsonlines import JsonLines
from labctl.report.plain import Plain
from labctl.report.redact import redacting

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.core.events import Sink


def sink(*, json: bool, quiet: bool, verbose: bool, colour: bool, secrets: Collection[str]) -> Sink:
    """JSON lines on stdout if `json` is set, else live progress if stderr is a terminal, else plain lines on stderr.

    The sink masks `secrets`.
    """
    return redacting(_sink(json=json, quiet=quiet, verbose=verbose, colour=colour), secrets)


def _sink(*, json: bool, quiet: bool, verbose: bool, colour: bool) -> Sink:
    if json:
        return JsonLines(sys.stdout)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not quiet:
        from labctl.report.terminal import Terminal  # rich takes a tenth of a second to import

        return Terminal(sys.stderr, verbose=verbose, colour=colour)
    return Plain(sys.stderr, quiet=quiet, verbose=verbose)
