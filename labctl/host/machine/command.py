"""Programs that labctl runs: long ones are read line by line and never outlive labctl, short ones give their output."""

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
    import asyncio
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

TAIL_LINES = 15
END_S = 10  # how long a program may take to end after SIGTERM
_PIECE_BYTES = 65536
OUTPUT_S = 10.0  # how long a program may take whose output is all that matters
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # Debian's PATH for ordinary users lacks these folders, where mkfs.ext4 is


def path(tool: str) -> str | None:
    """The path of a program; None if the host doesn't have it."""
    return shutil.which(tool, path=search_path())


class Failed(LabctlError):
    """A program failed: its exit `code`, or the negative number of a signal, and the last `lines` of its output."""

    def __init__(self, tool: str, code: int, lines: Sequence[str]) -> None:
        super().__init__(f"{tool} failed ({code}):\n" + "\n".join(lines))
        self.code = code
        self.lines = tuple(lines)


def run(
    argv: Sequence[str],
    on_line: Callable[[str], None],
    *,
    under: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a program to its end.

    An exception, also one of `on_line`, ends the program and all its children. If labctl is killed, the kernel ends the
    program (setpriv's pdeathsig).

    Args:
        argv: the program and its arguments.
        on_line: is called with each line of its output and errors.
        under: a command that executes the program, as `unshare --net --`.
        pass_fds: descriptors that stay open in the program.
        environment: variables beside those of labctl.

    Raises:
        Failed: the program's exit code is not 0.
    """
    process = _start([*under, *argv], pass_fds, environment or {})
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            tail.append(line.rstrip())
            on_line(line.rstrip())
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    if code != 0:
        raise Failed(argv[0], code, tail)


async def follow(
    argv: Sequence[str], take: Callable[[bytes], object], *, environment: Mapping[str, str], folder: Path
) -> None:
    """Run a program to its end as `run` does, but in a task: if that is cancelled, the program is ended.

    Args:
        argv: the program and its arguments.
        take: is called with its output and errors, as they come.
        environment: variables beside those of labctl.
        folder: where it runs.

    Raises:
        Failed: the program's exit code is not 0.
    """
    import asyncio  # most verbs do without

    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "TERM", "--", *argv,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=_environment(environment), start_new_session=True, cwd=folder,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        while piece := await process.stdout.read(_PIECE_BYTES):
            take(piece)
        code = await process.wait()
    except BaseException:
        await _ended(process)
        raise
    if code != 0:
        raise Failed(argv[0], code, ())


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", "PATH": search_path(), **more}


def _start(
    argv: Sequence[str], pass_fds: Sequence[int], environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "--", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
        env=_environment(environment),
        start_new_session=True,  # Ctrl-C reaches labctl alone, and one signal ends the whole group
        text=True,
        errors="replace",
    )


def output(*argv: str) -> str | None:
    """The output of a short program; None if the host doesn't have it, or it fails or hangs."""
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
    """End the program's whole process group: by SIGTERM, and after END_S by SIGKILL."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """The same for a program that a task follows."""
    import asyncio  # as above

    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), END_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def search_path() -> str:
    """PATH, with the folders of programs that only daemons need as a rule."""
    return f"{os.environ.get('PATH', os.defpath)}:{SBIN}"
