"""Forwards from a socket that is handed over to a guest: a program of its own, for a user's own libvirt.

`relay.py DESCRIPTOR TCP4:ADDRESS:PORT`, or UDP4, TCP6, UDP6: the socket listens outside, and the guest is reached from
inside, which `socat` can't do. Forwarders with socat have the same limits. It needs nothing of labctl's.
"""

from __future__ import annotations

import os
import resource
import select
import selectors
import socket
import sys
import threading
import time
from contextlib import suppress

# In seconds: for a guest to answer, for a half of a connection to stay open, for a client of UDP to be silent
CONNECT_S, HALF_OPEN_S, SILENT_S = 15, 600, 60
CONNECTIONS, CLIENTS = 512, 128
IDLE_S, PROBE_S, PROBES = 60, 10, 6  # of TCP's keepalive: a side that is gone is noticed
_KEEPALIVE = (
    (socket.TCP_KEEPIDLE, IDLE_S),
    (socket.TCP_KEEPINTVL, PROBE_S),
    (socket.TCP_KEEPCNT, PROBES),
)
_MOST = 65536  # bytes of a datagram, and of a piece of a stream
_LOOK_S = 1.0
_PAUSE_S = 0.1
READY = b"\n"  # what it says once it is at work
_OWN_DESCRIPTORS = 16  # beside the two of each connection

Guest = tuple[str, int]


def forward_tcp(listening: socket.socket, guest: Guest) -> None:
    """Connect to the guest anew for each connection, for ever."""
    free = threading.BoundedSemaphore(_connections())
    while True:
        free.acquire()
        try:
            client, _ = listening.accept()
            threading.Thread(target=_connected, args=(client, guest, free), daemon=True).start()
        except (OSError, RuntimeError):  # as of too many files of all processes, or of too many threads
            free.release()
            time.sleep(_PAUSE_S)


def _connections() -> int:
    """Raise the limit of descriptors as far as it goes; how many connections fit it."""
    _soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return min(CONNECTIONS, (most - _OWN_DESCRIPTORS) // 2)


def _connected(client: socket.socket, guest: Guest, free: threading.BoundedSemaphore) -> None:
    try:
        with client, suppress(OSError), socket.create_connection(guest, CONNECT_S) as server:
            for each in (client, server):
                _keep_alive(each)
            copy(client, server)
    finally:
        free.release()


def _keep_alive(connection: socket.socket) -> None:
    """Notice a side that is gone without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def copy(client: socket.socket, server: socket.socket) -> None:
    """Copy both ways until both have ended, or one has and nothing came the other way for HALF_OPEN_S."""
    for end in (client, server):
        end.settimeout(0)
    ways = [_Way(client, server), _Way(server, client)]
    while ways and _wait(ways, None if len(ways) == 2 else HALF_OPEN_S):
        for each in ways:
            each.go_on()
        ways = [each for each in ways if not each.ended]


class _Way:
    """One way of a connection, with what the target has not taken yet of the last piece."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self._source, self._target = source, target
        self._piece = memoryview(b"")
        self.ended = False

    @property
    def awaits(self) -> tuple[int, int]:
        """The descriptor to poll, and for what."""
        if self._piece:
            return self._target.fileno(), select.POLLOUT
        return self._source.fileno(), select.POLLIN

    def go_on(self) -> None:
        """Receive or send what can be at once."""
        try:
            if self._piece:
                self._piece = self._piece[self._target.send(self._piece) :]
                return
            self._piece = memoryview(self._source.recv(_MOST))
            self.ended = not self._piece
        except BlockingIOError:
            return  # the other way was meant
        except OSError:
            self.ended = True
        if self.ended:
            with suppress(OSError):
                self._target.shutdown(socket.SHUT_WR)


def _wait(ways: list[_Way], most_s: float | None) -> bool:
    """Wait until one of them can go on; whether one can."""
    wanted: dict[int, int] = {}
    for descriptor, event in (each.awaits for each in ways):
        wanted[descriptor] = wanted.get(descriptor, 0) | event
    poll = select.poll()
    for descriptor, events in wanted.items():
        poll.register(descriptor, events)
    return bool(poll.poll(None if most_s is None else most_s * 1000))


class Datagrams:
    """The guest sees one source port for all that a client sends, until the client was silent for long."""

    def __init__(self, listening: socket.socket, guest: Guest) -> None:
        self._listening, self._guest = listening, guest
        self._family = socket.AF_INET6 if ":" in guest[0] else socket.AF_INET
        self._selector = selectors.DefaultSelector()
        self._sockets: dict[object, socket.socket] = {}  # by the address of the client
        self._heard: dict[object, float] = {}
        self._selector.register(listening, selectors.EVENT_READ)

    def forward(self) -> None:
        """Forward for ever."""
        while True:
            for key, _events in self._selector.select(_LOOK_S):
                with suppress(OSError):  # as of a guest where nobody listens: UDP loses what does not arrive
                    if key.data is None:
                        self._to_guest()
                    else:
                        self._to_client(key.data)
            self._forget_silent()

    def _to_guest(self) -> None:
        data, client = self._listening.recvfrom(_MOST)
        if client not in self._sockets:
            if len(self._sockets) >= CLIENTS:
                return
            made = socket.socket(self._family, socket.SOCK_DGRAM)
            made.connect(self._guest)
            self._sockets[client] = made
            self._selector.register(made, selectors.EVENT_READ, client)
        self._heard[client] = time.monotonic()
        self._sockets[client].send(data)

    def _to_client(self, client: object) -> None:
        data = self._sockets[client].recv(_MOST)
        self._heard[client] = time.monotonic()
        self._listening.sendto(data, client)  # type: ignore[call-overload]  # as recvfrom gave it

    def _forget_silent(self) -> None:
        now = time.monotonic()
        for client in [each for each, heard in self._heard.items() if now - heard > SILENT_S]:
            self._selector.unregister(self._sockets[client])
            self._sockets.pop(client).close()
            del self._heard[client]


def main(descriptor: str, to: str) -> None:
    """Forward what comes to the socket."""
    protocol, _, place = to.partition(":")
    address, _, port = place.rpartition(":")
    listening, guest = socket.socket(fileno=int(descriptor)), (address.strip("[]"), int(port))
    os.write(sys.stdout.fileno(), READY)
    if protocol.startswith("UDP"):
        Datagrams(listening, guest).forward()
    else:
        forward_tcp(listening, guest)


if __name__ == "__main__":
    main(*sys.argv[1:])
