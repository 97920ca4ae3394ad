"""Copies a folder of the host into a guest by the host's rsync, over SSH: https://download.samba.org/pub/rsync/rsync.1."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.access import ssh
from labctl.host.access.transport import last_words
from labctl.host.files import runtime
from labctl.host.files.lab_folder import TOP
from labctl.host.files.private import write_private
from labctl.host.machine import command

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.access.ssh import Login

CONNECT_S = 30
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
    """Copy a folder. If the task is cancelled, rsync is ended.

    Raises:
        LabctlError: there is no rsync here, the guest can't be reached, or something could not be copied.
    """
    tool = command.path("rsync")
    if tool is None:
        raise missing(where)
    known = keys.known_host(login.vm)
    if known is None or not keys.has_login():
        raise LabctlError(
            f"the keys of {login.vm} are not here", where=where, hint="`labctl up` makes new ones"
        )
    with tempfile.TemporaryDirectory(dir=runtime.folder(), prefix="rsync-") as folder:
        # a configuration of its own: that of the lab is written by others in the meantime
        place = Path(folder)
        host = " ".join(known.split()[:2])
        write_private(place / "known_hosts", f"{ssh.word(ssh.alias(lab, login.vm))} {host}\n".encode())
        write_private(place / ssh.CONFIG, ssh.config(place, lab, [login], keys).encode())
        await _run([tool, *arguments(job, place / ssh.CONFIG, login.vm)], where)


def missing(where: str) -> LabctlError:
    return LabctlError("there is no rsync on this machine", where=where, hint="see `labctl doctor`")


def arguments(job: Job, config: Path, vm: str) -> list[str]:
    """The arguments of rsync. Pure.

    Links are copied as links, and those that lead out of the folder are not: so nothing else of the host is copied. A
    pattern is never read as one of rsync's rules that take others back, and the first that matches counts.
    """
    shell = f"ssh -F {_quoted(config)} -o BatchMode=yes -o ConnectTimeout={CONNECT_S}"
    return [
        "--archive",
        "--delete",
        "--safe-links",
        "--protect-args",
        f"--chown={job.owner}",
        "--rsync-path=sudo -n rsync",
        f"--rsh={shell}",
        f"--filter=- {TOP}",
        *(f"--filter=- {pattern}" for pattern in job.exclude),
        "--",
        f"{job.source.rstrip('/')}/",
        f"{vm}:{job.target}/",
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
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "TERM", "--", *argv,
        stdin=nothing, stdout=nothing, stderr=pipe, start_new_session=True,
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
