"""How the user is told something; data goes to standard output instead."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from labctl.cli import run_state
from labctl.report import screen

if TYPE_CHECKING:
    from labctl.core.errors import LabctlError


def say(line: str) -> None:
    """Tell a line, with secrets masked."""
    screen.write(sys.stderr, f"{run_state.masked(line)}\n")


def say_error(error: LabctlError) -> None:
    """Tell an error that is no list of problems."""
    say(f"error: {error}")
    if error.hint:
        say(f"  hint: {error.hint}")
