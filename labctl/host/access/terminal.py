"""A terminal on a VM's serial console, which is a libvirt stream: output to the screen, input from the keyboard."""

from __future__ import annotations

import os
import select
import termios
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.errors import LabctlError
from labctl.host.libvirt.connection import run_event_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEAVE = b"\x1d"  # Ctrl-], as in telnet and virsh
CHUNK = 4096
_READABLE = libvirt.VIR_STREAM_EVENT_READABLE
_OVER = libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP
_WOULD_BLOCK = -2


def attach(
    domain: Any,
    keyboard: int,
    screen: int,
    *,
    force: bool = False,
    opened: Callable[[], object] = lambda: None,
) -> None:
    """Connect keyboard and screen with the console until Ctrl-] is typed, the keyboard ends, or the VM stops.

    Args:
        domain: a running libvirt domain. The thread of libvirt's event loop writes its output to the screen.
        keyboard: the file descriptor to read. If it is a terminal, it is raw meanwhile.
        screen: the file descriptor to write to.
        force: take the console from another program that has it.
        opened: called when the console is open, before anything of it is shown: from here on nothing is lost.

    Raises:
        LabctlError: another program has the console.
    """
    run_event_loop()
    stream = _opened(domain, force=force)
    opened()
    ended, end = os.pipe()

    def happened(stream: Any, events: int, _opaque: None) -> None:
        if not (events & _READABLE and _copy(stream, screen)) or events & _OVER:
            stream.eventRemoveCallback()
            os.write(end, b"x")

    stream.eventAddCallback(_READABLE | _OVER, happened, None)
    try:
        with _raw(keyboard):
            _type(stream, keyboard, ended)
    finally:
        stream.abort()
        os.close(ended)


def _opened(domain: Any, *, force: bool) -> Any:
    stream = domain.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
    flags = libvirt.VIR_DOMAIN_CONSOLE_FORCE if force else libvirt.VIR_DOMAIN_CONSOLE_SAFE
    try:
        domain.openConsole(None, stream, flags)
    except libvirt.libvirtError as error:
        raise LabctlError(
            f"can't open the console: {error.get_error_message()}",
            where=domain.name(),
            hint="--force takes it from whoever has it",
        ) from error
    return stream


def _copy(stream: Any, screen: int) -> bool:
    """Copy what has arrived to the screen; False at the end of the stream."""
    try:
        data = stream.recv(CHUNK)
    except libvirt.libvirtError:
        return False
    if data == _WOULD_BLOCK:
        return True
    if data:
        os.write(screen, data)
    return bool(data)


def _type(stream: Any, keyboard: int, ended: int) -> None:
    """Send what is typed until Ctrl-], the end of the keyboard, or the end of the stream, which `ended` tells."""
    while True:
        ready, _, _ = select.select([keyboard, ended], [], [])
        if ended in ready:
            return
        data = os.read(keyboard, CHUNK)
        typed, leave, _ = data.partition(LEAVE)
        while typed:
            sent = stream.send(typed)
            if sent == _WOULD_BLOCK:
                select.select([ended], [], [], 0.05)
            else:
                typed = typed[sent:]
        if leave or not data:
            return


@contextmanager
def _raw(keyboard: int) -> Iterator[None]:
    """Make a terminal raw for the block, so that each key gets through."""
    if not os.isatty(keyboard):
        yield
        return
    before = termios.tcgetattr(keyboard)
    tty.setraw(keyboard, termios.TCSADRAIN)  # by default, what was typed before would be thrown away
    try:
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
