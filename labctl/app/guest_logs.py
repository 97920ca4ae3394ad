"""Logs that are files in running guests: what cloud-init printed, and what the provisioner's steps did."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.app import transport
from labctl.app.logs import LogLine
from labctl.core import coroutines, moment
from labctl.core.errors import LabctlError, UsageError
from labctl.core.lines import Lines
from labctl.core.record import record
from labctl.host.access.console import LOG_BYTES, without_controls
from labctl.host.access.headed import Headed
from labctl.kinds.provision import guest_log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from labctl.app.logs import Tell
    from labctl.app.session import Session
    from labctl.host.access.transport import Transport

FILES = {"cloud-init": "/var/log/cloud-init-output.log", "provision": guest_log.PATH}
MISSING = 3  # the exit code where there is no such file
READ_S = 120.0  # that a log may take to arrive
ANSWER_S = 30.0  # the same for what is new; a connection to a guest that was reset may hang
POLL_S = 2.0
LINES = 200_000  # of a log that are kept, the last ones: 16 MiB of empty lines would take gigabytes
_HEAD = re.compile(rb"(\d{1,19})\n")
# The first line tells from where on the file is read: another file of that name may have begun meanwhile.
_READ = """size=$(wc -c <{path}) || exit {missing}
from={offset}
[ "$size" -ge "$from" ] || from=0
[ -z "{last}" ] || from=$((size - $(tail -n "{last}" {path} | wc -c)))
[ $((size - from)) -le {most} ] || from=$((size - {most}))
echo "$from"
exec tail -c +$((from + 1)) {path}
"""


@record
class Asked:
    """What is wanted of logs: only the `last` lines of each, of these only those `since` a moment, and as they grow.

    `waiting` is told why a guest's log can't be followed yet.
    """

    follow: bool = False
    last: int | None = None
    since: datetime | None = None
    waiting: Callable[[str], object] = lambda _why: None


def tell_logs(
    session: Session, vms: Sequence[str], sources: Sequence[str], asked: Asked, tell: Tell
) -> list[LabctlError]:
    """Tell the lines of these logs of running guests. Gives why some of them could not be read, where others could.

    With `follow` this goes on through reboots, and to VMs that start later, until the session is asked to stop.

    Raises:
        KeyboardInterrupt: it was asked to stop.
        LabctlError: none of them can be read.
    """
    logs = [_GuestLog(session, vm, source, asked, tell) for vm in vms for source in sources]

    async def read_all() -> list[LabctlError]:
        loop = asyncio.get_running_loop()
        reading = asyncio.gather(*(each.follow() if asked.follow else each.read_once() for each in logs))
        with session.stop.heard_by(lambda: loop.call_soon_threadsafe(reading.cancel)):
            return [error for error in await reading if error]

    try:
        failed = coroutines.run(read_all())
    except asyncio.CancelledError:  # with what runs in the guests ended
        raise KeyboardInterrupt from None
    if failed and len(failed) == len(logs):
        raise failed[0]
    return failed


class _GuestLog:
    """One file of one guest."""

    def __init__(self, session: Session, vm: str, source: str, asked: Asked, tell: Tell) -> None:
        self._session, self._vm, self._source, self._tell = session, vm, source, tell
        self._path, self._asked = FILES[source], asked
        self._lines = Lines()
        self._offset: int | None = None  # of the file, to which it was read; None before the first time
        self._recent = (
            asked.since is None
        )  # whether lines are told; one without a time is as old as the one before
        # lines of guests that are read at the same time are not mixed
        self._kept: deque[LogLine] = deque(maxlen=LINES)
        self._why = ""

    async def read_once(self) -> LabctlError | None:
        """Read the file as it is, and give why that failed."""
        try:
            async with transport.connected(self._session, self._vm) as guest:
                if not await self._read(guest, READ_S):
                    return self._missing()
        except LabctlError as error:
            return error
        self._take(self._lines.rest())
        self._tell([*self._kept])
        return None

    async def follow(self) -> None:
        """Read the file while it grows, without end."""
        while True:
            try:
                await self._follow()
            except LabctlError as error:  # the guest reboots, is off or not there yet, or libvirt is away
                self._wait_for(error)
                with suppress(LabctlError):
                    await asyncio.to_thread(self._session.hosts.reopen)
            await asyncio.sleep(POLL_S)

    async def _follow(self) -> None:
        """Read what is new, again and again over SSH; once over the port, which others want too.

        Nothing is left running in the guest: that would outlive a connection that breaks.
        """
        way = transport.find(self._session, self._vm)
        async with transport.opened(self._session, way) as guest:
            while True:
                if not await self._read(guest, ANSWER_S):
                    self._wait_for(self._missing())
                if way.by_port:
                    return
                await asyncio.sleep(POLL_S)

    def _wait_for(self, error: LabctlError) -> None:
        """Tell why it can't be read now, once."""
        if str(error) != self._why:
            self._why = str(error)
            self._asked.waiting(f"{error}; waiting")

    def _missing(self) -> LabctlError:
        summary = f"its guest has no {self._path} yet"
        return LabctlError(summary, where=f"vm/{self._vm}", hint=_HINTS[self._source])

    async def _read(self, guest: Transport, timeout: float) -> bool:  # noqa: ASYNC109  # the transport's own
        """Read from where the last call ended; gives whether there is such a file.

        Raises:
            LabctlError: the guest can't be reached.
        """
        last = self._asked.last if self._offset is None else None
        text = script(self._path, self._offset or 0, last)
        done = await guest.run(text, timeout=timeout, stdout=self._arriving())
        if done.exit_code == MISSING:
            return False
        done.check(f"can't read {self._path} of {self._vm}")
        return True

    def _arriving(self) -> Headed:
        """What takes the answer of `script`: the place in the file, then what is there."""

        def begin(head: re.Match[bytes]) -> None:
            self._why = ""
            if (start := int(head[1])) != self._offset:
                self._lines = Lines()
            self._offset = start

        def take(data: bytes) -> None:
            self._offset = (self._offset or 0) + len(data)
            self._take(self._lines.feed(data))

        return Headed(_HEAD, take, 2 * LOG_BYTES, begin)  # it may grow while it is read

    def _take(self, lines: Sequence[str]) -> None:
        shown = [without_controls(line) for line in lines]
        found = [LogLine(self._vm, line, self._source) for line in shown if self._is_recent(line)]
        if self._asked.follow:
            self._tell(found)
        else:
            self._kept += found

    def _is_recent(self, line: str) -> bool:
        if self._asked.since and (told := moment.told_in(line)):
            self._recent = told >= self._asked.since
        return self._recent


_HINTS = {
    "cloud-init": "cloud-init writes it while it runs: `labctl logs -f --cloud-init` waits for it",
    "provision": "the first step of `provision:` writes it",
}


def script(path: str, offset: int, last: int | None) -> str:
    """The text for sh that reads a log from an offset, or its last lines."""
    words: dict[str, object] = {
        "missing": MISSING,
        "last": "" if last is None else last,
    }
    return _READ.format(path=shlex.quote(path), offset=offset, most=LOG_BYTES, **words)


def since(text: str, now: datetime, sources: Sequence[str]) -> datetime:
    """The moment that `--since` names.

    Raises:
        UsageError: it names none, or the lines of these logs tell no times.
    """
    if not sources:
        raise UsageError(
            "--since: the lines of a console have no times",
            hint="it works with --cloud-init and --provision; -n 20 shows the last 20 lines, -f -n 0 new ones alone",
        )
    try:
        return moment.parse_moment(text, now)
    except ValueError:
        raise UsageError(
            f"--since {text}: neither a duration nor a time", hint="as 90s, 10m, 2h or 2026-11-27T09:30"
        ) from None
