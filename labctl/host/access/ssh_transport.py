"""The way into a guest over SSH. The system's OpenSSH runs with labctl's configuration and one shared connection."""

from __future__ import annotations

import asyncio
import re
import secrets
import shlex
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.host.access import shared_ssh
from labctl.host.access.streams import while_fed
from labctl.host.access.transport import Transport, last_words
from labctl.host.access.users import AT_HOME, by_sudo

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from labctl.host.access.streams import Captured, Stdin

_PIECE_BYTES = 65536
_MARK = "\x02"  # what may begin a mark is held back, so no command's last letter may look like it
_TOLD_BYTES = 20  # after a mark, at most
_LAST_BYTES = 2000  # of stderr, which tell why a connection failed
_CONNECT_S, _END_S = 30.0, 10.0
_HINT = "`labctl console` shows what the guest says, `labctl doctor` what may hinder it"
_PIPE, _DEVNULL = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL


class SshTransport(Transport):
    """Runs each command through a shared connection, whose control socket is `socket`; without one, each connects anew.

    A command that is cancelled or out of time is ended with all its processes, if the guest can still be reached.
    """

    def __init__(self, config: Path, vm: str, login: str, socket: Path | None = None) -> None:
        """`config` is the path of labctl's configuration for OpenSSH; `login` is the user to log in as."""
        self._login = login
        shared = ["-o", "ControlMaster=no", "-o", f"ControlPath={socket}"] if socket else []
        self._argv = [*_options(config), *shared, "-T", "--", vm]

    async def _execute(self, text: str, user: str, stdin: Stdin | None, captured: Captured) -> int:
        words = _Words(f"{_MARK}{secrets.token_hex(16)}", captured)
        remote = _remote([*self._as(user), "sh", "-c", f"{AT_HOME}{text}"], words.mark)
        process = await _start([*self._argv, remote], stdin=_PIPE if stdin else _DEVNULL)
        try:
            exit_code = await while_fed(_ended(process, words), _feed(process, stdin))
        finally:
            words.end()
            if process.returncode is None:
                if words.leader is not None:
                    await self._kill(words.leader, user)
                await _end(process)
        if words.exit_code is None:
            raise LabctlError(f"the connection by ssh failed ({exit_code}): {last_words(words.last)}")
        return words.exit_code

    def _as(self, user: str) -> list[str]:
        return [] if user == self._login else by_sudo(user)

    async def _kill(self, leader: int, user: str) -> None:
        script = f"kill -s TERM -- -{leader}; sleep 1; kill -s KILL -- -{leader}"
        remote = shlex.join([*self._as(user), "sh", "-c", script])
        process = await _start([*self._argv, remote], stdin=_DEVNULL)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.communicate(), _END_S)
        await _end(process)


@asynccontextmanager
async def connected(config: Path, vm: str, login: str, control: Path | None) -> AsyncIterator[SshTransport]:
    """A transport over the VM's shared connection, which is made if need be, and stays.

    Where `control`, the path of its socket, is None, each command connects anew.

    Raises:
        LabctlError: nobody answers, or the login is refused.
    """
    if control and not await _there(config, vm, control):
        await _log_in(config, vm, control)
    yield SshTransport(config, vm, login, control)


async def _there(config: Path, vm: str, control: Path) -> bool:
    """Whether a process answers on the control socket. This asks nothing of the VM."""
    if not control.exists():  # noqa: ASYNC240  # in memory
        return False
    check = ["-o", f"ControlPath={control}", "-O", "check"]
    process = await _start([*_options(config), *check, "--", vm], stdin=_DEVNULL)
    await process.communicate()
    return process.returncode == 0


async def _log_in(config: Path, vm: str, control: Path) -> None:
    """Make the connection. If somebody else makes it at the same time, theirs stays."""
    process = await _start(
        [*_options(config), *shared_ssh.options(control), "-T", "--", vm, "true"], stdin=_DEVNULL
    )
    try:
        async with asyncio.timeout(2 * _CONNECT_S):  # to connect, and to log in
            _, said = await process.communicate()
    except TimeoutError as error:
        raise LabctlError(
            f"can't log in by ssh: no answer within {2 * _CONNECT_S:.0f} s", hint=_HINT
        ) from error
    finally:
        await _end(process)
    if process.returncode != 0:
        raise LabctlError(f"can't log in by ssh: {last_words(said)}", hint=_HINT)


def _options(config: Path) -> list[str]:
    return ["ssh", "-F", str(config), "-o", "BatchMode=yes", "-o", f"ConnectTimeout={_CONNECT_S:.0f}"]


def _remote(argv: list[str], mark: str) -> str:
    """The text for the login shell, whichever shell that is. It runs the command in a session of its own.

    It also writes the command's PID and exit code to stderr, after the mark: an exit code 255 of ssh may be the
    command's or mean that the connection failed.
    """
    # through fd 3: a shell takes the stdin of a command with `&` away before it sees its `<&0`
    started = f"{{ setsid {shlex.join(argv)} <&3 3<&- & }} 3<&0"
    inner = f"{started}; printf '{mark} runs %s\\n' $! >&2; wait $!"
    return shlex.join(["sh", "-c", f"{inner}; printf '{mark} ended %s\\n' $? >&2"])


class _Words:
    """The stderr of ssh. What the command writes is passed on at once, without the lines that `_remote` adds.

    These begin with `mark`. They tell the PID of the command (`leader`), and later its exit code.
    """

    def __init__(self, mark: str, captured: Captured) -> None:
        self.mark = mark
        self.leader: int | None = None
        self.exit_code: int | None = None
        self.last = b""  # what was passed on last; it tells why a connection failed
        self.captured = captured
        self._whole = re.compile(rf"{mark} (runs|ended) (\d{{1,10}})\n".encode())
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._rest += data
        while found := self._whole.search(self._rest):
            self._pass_on(found.start())
            self._rest = self._rest[len(found[0]) :]
            if found[1] == b"runs":
                self.leader = int(found[2])
            else:
                self.exit_code = int(found[2])
        self._pass_on(self._begun())

    def end(self) -> None:
        """Pass on the rest, which only looked like the beginning of a mark."""
        self._pass_on(len(self._rest))

    def _begun(self) -> int:
        """Where a line with the mark may have begun that is not complete yet."""
        mark = self.mark.encode()
        last = self._rest.rfind(mark)
        if last >= 0 and len(self._rest) - last < len(mark) + _TOLD_BYTES:
            return last
        sizes = range(min(len(mark), len(self._rest)), 0, -1)
        return len(self._rest) - next((size for size in sizes if self._rest.endswith(mark[:size])), 0)

    def _pass_on(self, size: int) -> None:
        words, self._rest = self._rest[:size], self._rest[size:]
        if words:
            self.last = (self.last + words)[-_LAST_BYTES:]
            self.captured.write("stderr", words)


async def _start(argv: list[str], stdin: int) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=stdin,
            stdout=_PIPE,
            stderr=_PIPE,
            start_new_session=True,  # Ctrl-C is for labctl, which ends the command in the guest, too
        )
    except OSError as error:
        hint = "install OpenSSH's client" if isinstance(error, FileNotFoundError) else ""
        raise LabctlError(f"can't run ssh: {error.strerror}", hint=hint) from error


async def _ended(process: Process, words: _Words) -> int:
    """Wait until the process has ended and all of its output has arrived, and give its exit code."""
    assert process.stdout is not None
    assert process.stderr is not None
    stdout = asyncio.create_task(_drain(process.stdout, lambda data: words.captured.write("stdout", data)))
    stderr = asyncio.create_task(_drain(process.stderr, words.feed))
    try:
        await asyncio.gather(stdout, stderr)
    finally:
        for task in (stdout, stderr):
            task.cancel()
        await asyncio.gather(stdout, stderr, return_exceptions=True)
    return await process.wait()


async def _drain(reader: asyncio.StreamReader, write: Callable[[bytes], None]) -> None:
    while data := await reader.read(_PIECE_BYTES):
        write(data)


async def _feed(process: Process, stdin: Stdin | None) -> None:
    if stdin is None:
        return
    assert process.stdin is not None
    with suppress(ConnectionError):  # it does not read any more
        while piece := await stdin.read(_PIECE_BYTES):
            process.stdin.write(piece)
            await process.stdin.drain()
    process.stdin.close()


async def _end(process: Process) -> None:
    """End the process. Its output has to be read to the end, or asyncio does not see that it ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.communicate(), _END_S)
