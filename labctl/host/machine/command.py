"""Other programs: those that run for a while never outlive us, and their last words are in the error."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TAIL_LINES = 15
END_S = 10  # for its own cleaning up
OUTPUT_S = 10.0  # for a program that only tells something
SBIN = (
    "/usr/local/sbin:/usr/sbin:/sbin"  # ordinary users of Debian lack these in PATH, and mkfs.ext4 is there
)


def path(tool: str) -> str | None:
    """Where the program is, None when it is nowhere."""
    return shutil.which(tool, path=_search())


class Failed(LabctlError):
    """The program's exit `code` (of a signal: its negative number) and the last `lines` it said."""

    def __init__(self, tool: str, code: int, lines: Sequence[str]) -> None:
        super().__init__(f"{tool} failed ({code}):\n" + "\n".join(lines))
        self.code = code
        self.lines = tuple(lines)


def run(
    argv: Sequence[str],
    tell: Callable[[str], None],
    *,
    under: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run it to its end, telling its output's lines; `under` is what executes it in turn, as `unshare --net --`.

    Failed when it fails. Interrupted by any exception it and all its children are ended; killed, setpriv ends it.
    """
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "--", *under, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PATH": _search(), **(environment or {})},
        start_new_session=True,  # a group of its own: Ctrl-C is ours to handle, and all of it can be ended at once
        text=True,
        errors="replace",
    )
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            tail.append(line.rstrip())
            tell(line.rstrip())
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    if code != 0:
        raise Failed(argv[0], code, tail)


def output(*argv: str) -> str | None:
    """What a program prints that takes but a moment; None where it is not there, fails or hangs."""
    tool = path(argv[0])
    if tool is None:
        return None
    try:
        done = subprocess.run(
            [tool, *argv[1:]], capture_output=True, text=True, check=False, timeout=OUTPUT_S
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the whole group to end, then make it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _search() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:{SBIN}"
