"""The processes that forward ports of this host to guests, one for each: `socat`, or in a user's own libvirt `relay`.

They outlive labctl. A process of a lab has labctl's mark as its first argument, where `ps` shows it and where it is
found again if nothing else tells of it. socat has a child for each connection, with the same arguments.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.files import owners
from labctl.host.machine import command, listeners, ports, processes, relay
from labctl.host.rootless import outside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.core.endpoint import Endpoint
    from labctl.host.machine.processes import Identity

TOOL = "socat"
_MARK = "labctl-forward"
_PROC = Path("/proc")
_DEADLINE_S = 10.0  # to begin to listen, and to end
_POLL_S = 0.01
_KEEPALIVE = f"keepalive,keepidle={relay.IDLE_S},keepintvl={relay.PROBE_S},keepcnt={relay.PROBES}"
_TCP_GUEST = f"connect-timeout={relay.CONNECT_S},{_KEEPALIVE}"
_TCP_CLIENT = f"reuseaddr,fork,max-children={relay.CONNECTIONS},backlog={ports.BACKLOG},{_KEEPALIVE}"
_UDP_CLIENT = f"reuseaddr,fork,max-children={relay.CLIENTS}"
_STARTED: dict[int, subprocess.Popen[bytes]] = {}  # by PID: children of this process have to be waited for


@record
class Mark:
    """Whose forwarder a process is: of which libvirt host, lab, and forward."""

    uri: str
    lab: str
    name: str

    def __str__(self) -> str:
        return f"{_MARK} {self.uri} {self.lab} {self.name}"

    @classmethod
    def read(cls, argument: str) -> Mark | None:
        """Read the first argument of a process; None if it has no mark."""
        first, *rest = argument.split(" ")
        return cls(*rest) if first == _MARK and len(rest) == 3 else None


@record
class Forwarder:
    """A process with labctl's mark. `session` is the PID of the first one of the forward, `to` where it leads."""

    pid: int
    session: int
    user: int
    mark: Mark
    to: str


def arguments(listens: Endpoint, protocol: str, to: Endpoint) -> list[str]:
    """The arguments of socat, which are made of numbers and addresses alone."""
    here, there = (6 if each.ip.version == 6 else 4 for each in (listens, to))
    bind = f"bind=[{listens.ip}],ipv6only=1" if here == 6 else f"bind={listens.ip}"
    if protocol == "udp":
        return [
            "-T", str(relay.SILENT_S),
            f"UDP{here}-LISTEN:{listens.port},{bind},{_UDP_CLIENT}",
            f"UDP{there}:{to}",
        ]  # fmt: skip
    return [
        "-t", str(relay.HALF_OPEN_S),
        f"TCP{here}-LISTEN:{listens.port},{bind},{_TCP_CLIENT}",
        f"TCP{there}:{to},{_TCP_GUEST}",
    ]  # fmt: skip


def start(mark: Mark, listens: Endpoint, protocol: str, to: Endpoint) -> Identity:
    """Start a forwarder that goes on when labctl ends, and wait until it listens.

    Raises:
        LabctlError: it can't listen there, as on a port that is taken.
    """
    process = _forwarding((str(mark),), listens, protocol, to)
    _STARTED[process.pid] = process
    try:
        _listening(process, listens, protocol)
        return processes.identity(process.pid)
    except BaseException:
        _kill_group(process)
        _STARTED.pop(process.pid)
        raise


def attached(listens: Endpoint, protocol: str, to: Endpoint) -> subprocess.Popen[bytes]:
    """Start a forwarder that ends with labctl, and wait until it listens.

    Raises:
        LabctlError: it can't listen there, as on a port that is taken.
    """
    process = _forwarding((), listens, protocol, to)
    try:
        _listening(process, listens, protocol)
    except BaseException:
        detach(process)
        raise
    return process


def detach(process: subprocess.Popen[bytes]) -> None:
    """End what `attached` started, with its connections."""
    _kill_group(process)


def _forwarding(
    mark: Sequence[str], listens: Endpoint, protocol: str, to: Endpoint
) -> subprocess.Popen[bytes]:
    """A process that forwards; without a mark it ends with labctl."""
    if not outside.inside():
        return _begun(mark, [_tool(), *arguments(listens, protocol, to)])
    # socat has no way from a port outside to a guest inside
    with ports.listening(listens, protocol) as handed:
        program = [sys.executable, "-P", "-S", "-s", "-B", str(Path(relay.__file__))]
        there = f"{protocol.upper()}{to.ip.version}:{to}"
        return _begun(mark, [*program, str(handed.fileno()), there], handed.fileno())


def _begun(mark: Sequence[str], argv: list[str], *handed: int) -> subprocess.Popen[bytes]:
    if mark:
        return _popen([*mark, *argv[1:]], argv[0], handed)
    return _popen(["setpriv", "--pdeathsig", "TERM", "--", *argv], None, handed)


def running(uri: str, lab: str | None = None) -> list[Forwarder]:
    """The forwarders of this user and their children, of one lab or of all labs of a libvirt host."""
    own = os.geteuid()
    found = (each for each in _marked() if each.user == own and each.mark.uri == uri)
    return [each for each in found if lab in (None, each.mark.lab)]


def mark_of(pid: int) -> Mark | None:
    """Whose forwarder a process of this user is; None if it is none."""
    return next((each.mark for each in _marked() if each.pid == pid), None)


def end(mark: Mark, session: int = 0) -> None:
    """End a forward's processes: those of this user, and those of the session whose first process is known.

    Raises:
        LabctlError: they are another user's, or do not end.
    """
    deadline = time.monotonic() + _DEADLINE_S
    asked = signal.SIGTERM
    while left := [
        each for each in _of(mark, session) if session == each.session or each.user == os.geteuid()
    ]:
        for each in left:
            _signal(each, asked)
        _reap()
        if time.monotonic() > deadline:
            if asked == signal.SIGKILL:
                raise LabctlError(f"the process {left[0].pid} of a forward does not end")
            asked, deadline = signal.SIGKILL, time.monotonic() + _DEADLINE_S
        time.sleep(_POLL_S)


def _signal(each: Forwarder, number: signal.Signals) -> None:
    """Send a signal to a process, and to no other one that got its PID meanwhile."""
    try:
        handle = os.pidfd_open(each.pid)
    except ProcessLookupError:
        return
    try:
        if _read(each.pid) == each:
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return
    except PermissionError:
        user = owners.user(each.user)
        hint = f"run this as {user} or root"
        raise LabctlError(f"the process {each.pid} of a forward is {user}'s", hint=hint) from None
    finally:
        os.close(handle)


def _of(mark: Mark, session: int) -> Iterator[Forwarder]:
    return (each for each in _marked(session) if each.mark == mark)


def _marked(session: int = 0) -> Iterator[Forwarder]:
    """The forwarders of this user, and those of a session that is known."""
    return filter(None, map(_read, processes.beginning_with(_MARK.encode(), session)))


def _read(pid: int) -> Forwarder | None:
    """A process as a forwarder; None if it is none, or ended."""
    folder = _PROC / str(pid)
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        mark = Mark.read(words[0].decode(errors="replace"))
        if mark is None:
            return None
        user = folder.stat().st_uid
    except OSError:
        return None
    facts = processes.facts(pid)
    if facts is None:
        return None
    to = words[-2].decode(errors="replace") if len(words) > 2 else ""
    return Forwarder(pid, facts.session, user, mark, to.partition(":")[2].partition(",")[0])


def _tool() -> str:
    found = command.path(TOOL)
    if found is None:
        raise LabctlError(f"{TOOL} is not installed", hint="`labctl doctor` names the command")
    return found


def _popen(argv: list[str], executable: str | None, handed: Sequence[int]) -> subprocess.Popen[bytes]:
    """A process in a session of its own, with nothing of labctl's but descriptors handed over, as a relay has them."""
    environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}
    if handed:
        environment["PYTHONHOME"] = sys.base_prefix  # its first argument may be a mark, and no path of Python
    return subprocess.Popen(
        argv,
        executable=executable,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if handed else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        pass_fds=handed,
        start_new_session=True,
    )


def _listening(process: subprocess.Popen[bytes], endpoint: Endpoint, protocol: str) -> None:
    if process.stdout:  # of a relay, whose socket listened before
        with process.stdout as said:
            ready, _, _ = select.select([said], [], [], _DEADLINE_S)
            if not (ready and said.read(1)):
                raise LabctlError(f"what forwards {endpoint} ended at once")
        return
    deadline = time.monotonic() + _DEADLINE_S
    while not listeners.listens(process.pid, endpoint, protocol):
        if process.poll() is not None or time.monotonic() > deadline:
            refused = ports.refusal(endpoint, protocol)
            summary = refused.summary if refused else f"{TOOL} does not listen on {endpoint}"
            raise LabctlError(summary, hint=refused.hint if refused else "")
        time.sleep(_POLL_S)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_DEADLINE_S)


def _reap() -> None:
    """Collect what ended of the processes that this one started."""
    for pid, process in tuple(_STARTED.items()):
        if process.poll() is not None:
            _STARTED.pop(pid, None)
