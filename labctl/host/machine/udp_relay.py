"""Forwards datagrams of a socket that is handed over: a program of its own, for a user's own libvirt.

`udp_relay.py DESCRIPTOR SILENT_S CLIENTS UDP4:ADDRESS:PORT`: the socket is bound outside, and the guest is reached from
inside, which no `socat` can do with datagrams. It needs nothing of labctl's.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time

_MOST = 65536  # bytes of a datagram
_LOOK_S = 1.0


class Relay:
    """The guest sees one source port for all that a client sends, until the client was silent for long."""

    def __init__(
        self, listening: socket.socket, guest: tuple[str, int], silent_s: float, clients: int
    ) -> None:
        self._listening, self._guest, self._silent_s, self._most = listening, guest, silent_s, clients
        self._family = socket.AF_INET6 if ":" in guest[0] else socket.AF_INET
        self._selector = selectors.DefaultSelector()
        self._sockets: dict[object, socket.socket] = {}  # by the address of the client
        self._heard: dict[object, float] = {}
        self._selector.register(listening, selectors.EVENT_READ)

    def run(self) -> None:
        """Forward for ever."""
        while True:
            for key, _events in self._selector.select(_LOOK_S):
                try:
                    if key.data is None:
                        self._to_guest()
                    else:
                        self._to_client(key.data)
                except OSError:
                    continue  # as of a guest where nobody listens: UDP loses what does not arrive
            self._forget_silent()

    def _to_guest(self) -> None:
        data, client = self._listening.recvfrom(_MOST)
        if client not in self._sockets:
            if len(self._sockets) >= self._most:
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
        for client in [each for each, heard in self._heard.items() if now - heard > self._silent_s]:
            self._selector.unregister(self._sockets[client])
            self._sockets.pop(client).close()
            del self._heard[client]


if __name__ == "__main__":
    _descriptor, _silent, _clients, _to = sys.argv[1:]
    _address, _, _port = _to.partition(":")[2].rpartition(":")
    Relay(
        socket.socket(fileno=int(_descriptor)),
        (_address.strip("[]"), int(_port)),
        float(_silent),
        int(_clients),
    ).run()
