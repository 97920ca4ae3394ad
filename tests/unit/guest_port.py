"""The guest's script in a process of this machine: a pair of sockets takes the place of its port."""

import os
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from labctl.guest import script
from labctl.guest.protocol import HELLO, LineReader
from labctl.guest.quota import Quota
from labctl.host.access import port_session
from labctl.host.access.port_session import PortSession
from labctl.host.access.transport import TimedOut, Transport
from tests.waiting import wait_until

PLACES = {  # what it uses of a guest, and where that is in its folder here
    "run=/run/labctl-guest": "run={}/run",
    "seed=/run/labctl/seed": "seed={}/seed",
    "kept=/var/lib/labctl": "kept={}/kept",
    "cloud=/run/cloud-init": "cloud={}",
    "until port=$(find_port)": "until true",
    'until command exec 3<>"$port"': "until true",  # the socket is fd 3
}


class FakePort:
    """What `labctl.host.access.channel.GuestPort` is to its users, with a script at the other end."""

    def __init__(self, end: socket.socket, arrived: Callable, closed: Callable) -> None:
        self._end, self._on_arrival, self._on_close = end, arrived, closed
        self._reader, self._quota, self._pieces = LineReader(), Quota(), deque()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.send(HELLO)

    def send(self, line: str) -> None:
        self._quota.asked()
        self._end.sendall(line.encode())

    def _read(self) -> None:
        excess = ""
        with suppress(OSError):
            while not excess and (data := self._end.recv(65536)):
                excess = self._quota.excess(data)
                self._pieces.append(data)
                self._on_arrival()
        self._on_close(excess)

    def take(self) -> list:
        pieces = [self._pieces.popleft() for _ in range(len(self._pieces))]
        return self._reader.feed(b"".join(pieces))

    def close(self) -> None:
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._thread.join()


@contextmanager
def running_script(folder: Path, shell: list[str]) -> Iterator[socket.socket]:
    """Run it in a shell; gives the host's end. The guest's cloud-init is over."""
    text = script.text()
    for there, here in PLACES.items():
        assert there in text
        text = text.replace(there, here.format(folder))
    (folder / "result.json").write_text('{"v1": {"errors": []}}')
    (folder / "guest.sh").write_text(text)
    host, guest = socket.socketpair()
    command = ["sh", "-c", 'exec 3<&0 </dev/null; exec "$@"', "sh", *shell, str(folder / "guest.sh")]
    process = subprocess.Popen(command, stdin=guest, stderr=subprocess.DEVNULL, start_new_session=True)
    guest.close()
    try:
        yield host
    finally:
        host.close()
        # it ends what it runs, which has sessions of its own
        wait_until(lambda: not list(folder.glob("run/job.*")))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class ScriptSession(PortSession):
    """A session with a script that runs here."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__(FakeConnection())
        self._end = end

    def _open(self, _libvirt_name: str) -> FakePort:
        return FakePort(self._end, self._arrived, self._closed)


@contextmanager
def serving(monkeypatch, folder: Path) -> Iterator[list[str]]:
    """Let the script answer on every port that is opened; gives the names of the domains as they are opened."""
    names: list[str] = []
    with running_script(folder, ["sh"]) as end:

        @asynccontextmanager
        async def opened(_connection, name, _waiting):
            names.append(name)
            session = ScriptSession(end)
            await session.open(name)
            try:
                yield session
            finally:
                session.close()

        monkeypatch.setattr(port_session, "opened", opened)
        yield names


async def timed_out(way: Transport, text: str, begun: Path, **options) -> TimedOut:
    """Run what writes that file and does not end; it gets more time where the machine was too slow for it to begin."""
    for timeout in (0.2, 1, 4, 16):
        _removed(begun)  # what an earlier try wrote says nothing of this one
        try:
            await way.run(text, timeout=timeout, **options)
        except TimedOut as late:
            if late.stdout and _written(begun):
                return late
    raise AssertionError("it ended, or did not begin")


def _removed(file: Path) -> None:
    file.unlink(missing_ok=True)


def _written(file: Path) -> str:
    return file.read_text() if file.exists() else ""


class FakeConnection:
    """What a session needs of one."""

    async def call(self, function, *arguments):
        return function(*arguments)

    @contextmanager
    def on_loss(self, _listener):
        yield
