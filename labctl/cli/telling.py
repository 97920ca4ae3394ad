"""How the user is told something; data goes to standard output instead."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from labctl.cli import run_state
from labctl.core.errors import Several
from labctl.report import screen, wrap

if TYPE_CHECKING:
    from labctl.core.errors import LabctlError


def say(line: str) -> None:
    """Tell a line, with secrets masked, wrapped to the terminal."""
    screen.write(sys.stderr, f"{wrap.at_spaces(run_state.masked(line), wrap.width(sys.stderr))}\n")


def say_error(error: LabctlError) -> None:
    """Tell an error that is no list of problems."""
    for each in error.errors if isinstance(error, Several) else (error,):
        say(f"error: {each}")
    if error.hint:
        say(f"  hint: {error.hint}")
