"""Messages on a terminal."""

import os
import pty
import sys
import termios
from contextlib import suppress

from labctl.cli import telling
from labctl.core.errors import LabctlError


def written_to(terminal: int) -> bytes:
    """All that was written to a terminal whose other end is closed: it comes in pieces."""
    written = b""
    with suppress(OSError):  # EIO is the end
        while piece := os.read(terminal, 1000):
            written += piece
    return written


def test_a_message_is_wrapped_to_the_terminal(monkeypatch):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 30))
    with open(theirs, "w", encoding="utf-8") as terminal:  # noqa: PTH123  # a descriptor
        monkeypatch.setattr(sys, "stderr", terminal)
        telling.say_error(LabctlError("it is off, as you wanted it to be", hint="`labctl up web` starts it"))
    told = written_to(ours).decode()
    os.close(ours)
    assert told.split("\r\n") == [
        "error: it is off, as you",
        "wanted it to be",
        "  hint: `labctl up web` starts",
        "  it",
        "",
    ]
