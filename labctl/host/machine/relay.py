"""Forwards from a socket that is handed over to a guest: a program of its own, for a user's own libvirt.

`relay.py DESCRIPTOR TCP4:ADDRESS:PORT`, or UDP4, TCP6, UDP6: the socket listens outside, and the guest is reached from
inside, which `socat` can't do. Its limits are those of the forwarders with socat. It needs nothing of labctl's.
"""

from __future__ import annotations

import selectors
import socket
import sys
import threading
import time
from contextlib import suppress

CONNECT_S, HALF_OPEN_S, SILENT_S = 15.0, 600.0, 60.0
CONNECTIONS, CLIENTS = 512, 128
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 6))
_MOST = 65536  # bytes of a datagram, and of a piece of a stream
_LOOK_S = 1.0

Guest = tuple[str, int]


def forward_tcp(listening: socket.socket, guest: Guest) -> None:
    """Connect to the guest anew for each connection, for ever."""
    free = threading.BoundedSemaphore(CONNECTIONS)
    while True:
        free.acquire()
        client, _ = listening.accept()
        threading.Thread(target=_connected, args=(client, guest, free), daemon=True).start()


def _connected(client: socket.socket, guest: Guest, free: threading.BoundedSemaphore) -> None:
    with client, suppress(OSError), socket.create_connection(guest, CONNECT_S) as server:
        server.settimeout(None)
        for each in (client, server):
            _keep_alive(each)
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()
    free.release()


def _keep_alive(connection: socket.socket) -> None:
    """Notice a side that is gone without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy until the source ends; then the other direction may go on for a while."""
    with suppress(OSError):
        while piece := source.recv(_MOST):
            target.sendall(piece)
    with suppress(OSError):
        target.settimeout(HALF_OPEN_S)
        target.shutdown(socket.SHUT_WR)


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
    if protocol.startswith("UDP"):
        Datagrams(listening, guest).forward()
    else:
        forward_tcp(listening, guest)


if __name__ == "__main__":
    main(*sys.argv[1:])
