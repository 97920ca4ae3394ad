"""The host's end of a guest's virtio-serial port. It is a libvirt stream, so it works on a remote host too."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.errors import LabHeld
from labctl.guest.protocol import HELLO, PORT, LineReader
from labctl.guest.quota import Quota
from labctl.host.libvirt.connection import run_event_loop
from labctl.host.machine import lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.guest.protocol import Message

_CHUNK = 65536
_WOULD_BLOCK = -2
_READABLE, _WRITABLE = libvirt.VIR_STREAM_EVENT_READABLE, libvirt.VIR_STREAM_EVENT_WRITABLE
_BROKEN = libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP


class GuestPort:
    """An open port of a running domain.

    All guests and libvirt's keepalive share the thread of libvirt's event loop, so it only counts and keeps what
    arrives. Whoever uses the port takes the messages on a thread of its own.
    """

    def __init__(
        self,
        domain: Any,
        arrived: Callable[[], None],
        closed: Callable[[str], None],
    ) -> None:
        """Open the port, and ask the guest for its state.

        Args:
            domain: the virDomain, which runs.
            arrived: called on libvirt's thread when there is something to `take`.
            closed: called once, with what was too much if the guest sent more than it may, else with an empty string.

        Raises:
            LabHeld: another program has the port. If it is a labctl of this host, its PID and user are named.
            libvirtError: the domain does not run, or libvirt does not answer.
        """
        self._on_arrival, self._on_close = arrived, closed
        self._reader, self._quota = LineReader(), Quota()
        self._arrived, self._unsent = bytearray(), b""
        self._lock = threading.Lock()
        self._open = True
        run_event_loop()
        self._held = ExitStack()
        try:
            name = lock.on(domain.connect().getURI(), f"port of {domain.name()}")
            self._held.enter_context(lock.held(name))
            self._stream = _opened(domain)
            self._stream.eventAddCallback(_READABLE | _BROKEN, self._happened, None)
            self.send(HELLO)
        except (
            BaseException
        ):  # the connection may be lost at any of these: who tries again must find the lock free
            self._held.close()
            raise

    def send(self, line: str) -> None:
        """Queue a line. What the stream does not take at once is sent when the stream is writable again."""
        with self._lock:
            self._quota.asked()
            self._unsent += line.encode()
            self._flush()

    def take(self) -> list[Message]:
        """The messages that have arrived since the last call. It is called on one thread only, which parses them."""
        with self._lock:
            data, self._arrived = bytes(self._arrived), bytearray()
        return self._reader.feed(data)

    def _flush(self) -> None:
        while self._open and self._unsent:
            sent = self._stream.send(self._unsent[:_CHUNK])
            if sent < 0:
                break
            self._unsent = self._unsent[sent:]
        if self._open:
            self._stream.eventUpdateCallback(_READABLE | _BROKEN | (_WRITABLE if self._unsent else 0))

    def _happened(self, stream: Any, events: int, _opaque: None) -> None:
        try:
            if events & _READABLE:
                self._read(stream)
            if events & _WRITABLE:
                with self._lock:
                    self._flush()
            if events & _BROKEN:
                self.close()
        except libvirt.libvirtError:
            self.close()

    def _read(self, stream: Any) -> None:
        while self._open:
            data = stream.recv(_CHUNK)
            if data == _WOULD_BLOCK:
                return
            if not data:
                self.close()
                return
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        with self._lock:
            excess, first = self._quota.excess(data), not self._arrived
            self._arrived += b"" if excess else data
        if excess:
            self.close(excess)
        elif first:
            self._on_arrival()

    def close(self, excess: str = "") -> None:
        """Close the port. The guest's script then waits for the next labctl. What has arrived can still be taken."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            try:
                self._stream.eventRemoveCallback()
                self._stream.abort()
            except libvirt.libvirtError:
                pass  # the domain or the connection went away, and the stream with it
            self._held.close()
        self._on_close(excess)


def _opened(domain: Any) -> Any:
    """Open a stream to the port. If another program has the port, it keeps it."""
    stream = domain.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
    try:
        domain.openChannel(PORT, stream, 0)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_FAILED:
            raise
        raise LabHeld(
            f"another program holds the port of {domain.name()}: a labctl of another machine, or `virsh`",
            hint="wait until it is done, or end it",
        ) from error
    return stream
