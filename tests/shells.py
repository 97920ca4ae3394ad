"""Shells as people use them: at a terminal, with a line that they complete."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_S = 60.0
HOME, END = "\x01", "\x05"  # as in Emacs, which both shells know
STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "set +o history; PS1='ready> '; PS2="),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -Uz compinit; compinit -D -u; unsetopt zle_bracketed_paste; PS1='ready> '",
    ),
}


def completed(shell: str, script: str, line: str, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """The words of a line after Tab was pressed at its end."""
    argv, settings = STARTS[shell]
    (folder / "script").write_text(script)
    pid, terminal = pty.fork()
    if pid == 0:  # the child
        os.chdir(folder)
        os.execvpe(argv[0], argv, {**environment, "TERM": "dumb", "HOME": str(folder)})
    try:
        _type(
            terminal,
            f"{settings}; bind 'set enable-bracketed-paste off' 2>/dev/null; . ./script; echo so''far\r",
        )
        _read_until(terminal, r"sofar\r?\n.*ready> ")
        _type(terminal, f"{line}\t{HOME}printf '<%s>' {END} | tr -d '\\n'; echo do''ne\r")
        told = _read_until(terminal, r"\ndone|>done")
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    return re.findall(r"<([^<>%]*)>", told)


def _type(terminal: int, text: str) -> None:
    os.write(terminal, text.encode())


def _read_until(terminal: int, pattern: str) -> str:
    told, deadline = "", time.monotonic() + TIMEOUT_S
    while not re.search(pattern, told, re.DOTALL):
        left = deadline - time.monotonic()
        assert left > 0, f"the shell said only {told!r}"
        if select.select([terminal], [], [], left)[0]:
            told += os.read(terminal, 1 << 16).decode(errors="replace")
    return told
