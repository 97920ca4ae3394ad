"""The host's end of a guest's virtio-serial port, through the libvirt API: works on a remote host as on this one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.guest.protocol import HELLO, PORT, GuestState, LineReader, Reply
from labctl.host.libvirt.connection import run_event_loop

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 65536
_WOULD_BLOCK = -2
_READABLE, _WRITABLE = libvirt.VIR_STREAM_EVENT_READABLE, libvirt.VIR_STREAM_EVENT_WRITABLE
_BROKEN = libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP


class GuestPort:
    """An open port. Messages arrive on libvirt's event thread; `closed` is called once, there too."""

    def __init__(
        self,
        domain: Any,  # a running virDomain
        received: Callable[[GuestState | Reply], None],
        closed: Callable[[], None],
        *,
        force: bool = True,  # take it from who has it
    ) -> None:
        self._received, self._closed = received, closed
        self._reader = LineReader()
        self._unsent = b""
        self._lock = threading.Lock()
        self._open = True
        run_event_loop()
        self._stream = domain.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
        domain.openChannel(PORT, self._stream, libvirt.VIR_DOMAIN_CHANNEL_FORCE if force else 0)
        self._stream.eventAddCallback(_READABLE | _BROKEN, self._happened, None)
        self.send(HELLO)

    def send(self, line: str) -> None:
        """Queue a line; what the stream does not take at once goes out when it is writable."""
        with self._lock:
            self._unsent += line.encode()
            self._flush()

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
            for message in self._reader.feed(data):
                self._received(message)

    def close(self) -> None:
        """Let go of the port; the guest's script then waits for the next labctl."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            try:
                self._stream.eventRemoveCallback()
                self._stream.abort()
            except libvirt.libvirtError:
                pass  # the domain or the connection went away, and the stream with it
        self._closed()
