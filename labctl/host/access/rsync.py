"""Copies a folder of the host into a guest by the host's rsync: https://download.samba.org/pub/rsync/rsync.1.

It goes over SSH or, where no network leads there, over any other transport.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.core.size import format_size
from labctl.host.access import rsync_shell, ssh
from labctl.host.access.streams import StreamStdin
from labctl.host.access.transport import last_words
from labctl.host.files import run_folder
from labctl.host.files.lab_folder import TOP
from labctl.host.files.private import write_private
from labctl.host.machine import command

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.access.ssh import Login
    from labctl.host.access.transport import Transport

CONNECT_S = 30
SILENT_S = 120  # in which the other end said nothing, while rsync sends signs of life
WAITING_BYTES = 16 << 20  # of what a guest said and rsync did not take yet
_GOES_WITH_RSYNC = "setpriv --pdeathsig TERM --"
_PIECE_BYTES = 65536
_LAST_BYTES = 2000  # of what it says, which a guest may have a part in
_END_S = 10.0


@record
class Job:
    """What is copied: all in `source` that no pattern of `exclude` matches, so that `target` has that and no more.

    `owner` is `USER:GROUP` of the guest.
    """

    source: str
    target: str
    owner: str
    exclude: tuple[str, ...] = ()


async def copy(job: Job, lab: str, login: Login, keys: Keys, where: str) -> None:
    """Copy a folder over SSH. If the task is cancelled, rsync is ended.

    Raises:
        LabctlError: there is no rsync here, the guest can't be reached, or something could not be copied.
    """
    known = keys.known_host(login.vm)
    if known is None or not keys.has_login():
        raise LabctlError(
            f"the keys of {login.vm} are not here", where=where, hint="`labctl up` makes new ones"
        )
    with run_folder.made("rsync") as place:
        # a configuration of its own: that of the lab is written by others in the meantime
        host = " ".join(known.split()[:2])
        write_private(place / "known_hosts", f"{ssh.word(ssh.alias(lab, login.vm))} {host}\n".encode())
        write_private(place / ssh.CONFIG, ssh.config(place, lab, [login], keys).encode())
        options = f"-F {_quoted(place / ssh.CONFIG)} -o BatchMode=yes -o ConnectTimeout={CONNECT_S}"
        shell = f"{_GOES_WITH_RSYNC} ssh {options}"
        await _run(arguments(job, login.vm, shell, "sudo -n rsync"), where)


async def copy_by(job: Job, guest: Transport, where: str) -> None:
    """The same over a transport whose user is root. It takes longer: use SSH where that leads there."""
    with run_folder.made("rsync") as folder:
        path = folder / "s"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            listening.listen(1)
            listening.settimeout(0)
            # -I: no module of the folder that labctl was called in, or of PYTHONPATH, takes the place of Python's own
            python = f"{_quoted(Path(sys.executable))} -I {_quoted(Path(rsync_shell.__file__))}"
            shell = f"{_GOES_WITH_RSYNC} {python} {_quoted(path)}"
            serving = asyncio.create_task(_serve(listening, guest))
            try:
                await _run(arguments(job, "guest", shell, "rsync"), where)
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)


async def _serve(listening: socket.socket, guest: Transport) -> None:
    """Run the command that rsync's shell was given in the guest, with its ends at the shell's.

    What fails here ends the connection, and rsync tells that.
    """
    conn, _ = await asyncio.get_running_loop().sock_accept(listening)
    reader, writer = await asyncio.open_unix_connection(sock=conn, limit=_PIECE_BYTES)
    try:
        asked = await reader.readuntil(b"\n")  # what follows is the command's
        text = shlex.join(map(str, json.loads(asked)))
        await guest.run(text, timeout=None, stdin=StreamStdin(reader), stdout=_Back(writer))
    except BaseException:
        writer.transport.abort()
        raise
    writer.close()  # what waits is still sent


class _Back:
    """What the guest's rsync says, on its way to the one here. To write never waits: the loop has to go on reading."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def write(self, data: bytes, /) -> None:
        """Take it.

        Raises:
            LabctlError: rsync does not take what came before.
        """
        if self._writer.transport.get_write_buffer_size() > WAITING_BYTES:
            raise LabctlError(f"a guest's rsync says more than {format_size(WAITING_BYTES)} at once")
        self._writer.write(data)

    def flush(self) -> None:
        """Nothing is held back."""


def arguments(job: Job, host: str, shell: str, program: str) -> list[str]:
    """The arguments of rsync. Pure.

    Links are copied as links, and those that lead out of the folder are not: so nothing else of the host is copied. A
    pattern is never read as one of rsync's rules that take others back, and the first that matches counts.
    """
    return [
        "--archive",
        "--delete",
        "--safe-links",
        "--protect-args",
        f"--timeout={SILENT_S}",
        f"--chown={job.owner}",
        f"--rsync-path={program}",
        f"--rsh={shell}",
        f"--filter=- {TOP}",
        *(f"--filter=- {pattern}" for pattern in job.exclude),
        "--",
        f"{job.source.rstrip('/')}/",
        f"{host}:{job.target}/",
    ]


def _quoted(path: Path) -> str:
    """A path in the quotes that rsync takes off where it splits a command; it knows no escapes.

    Raises:
        LabctlError: no quotes can express it.
    """
    text = str(path)
    mark = "'" if '"' in text else '"'
    if mark in text:
        raise LabctlError(f"rsync can't be told of the path {shlex.quote(text)}")
    return f"{mark}{text}{mark}"


async def _run(argv: list[str], where: str) -> None:
    tool = command.path("rsync")
    if tool is None:
        raise LabctlError("there is no rsync on this machine", where=where, hint="see `labctl doctor`")
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "TERM", "--", tool, *argv,
        stdin=nothing, stdout=nothing, stderr=pipe, start_new_session=True, cwd="/",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    said = b""
    try:
        assert process.stderr is not None
        while piece := await process.stderr.read(_PIECE_BYTES):
            said = (said + piece)[-_LAST_BYTES:]
        code = await process.wait()
    finally:
        if process.returncode is None:
            await _end(process)
    if code:
        raise LabctlError(f"rsync failed ({code}): {last_words(said)}", where=where)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End rsync, which ends its ssh."""
    for end in (process.terminate, process.kill):
        with suppress(ProcessLookupError):
            end()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_S)
            return
