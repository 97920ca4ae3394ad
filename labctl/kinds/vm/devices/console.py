"""The serial console: https://libvirt.org/formatdomain.html#relationship-between-serial-ports-and-consoles."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Fixed, Property


@record
class Console:
    """A serial port on a pty. `log` is the path of a file that gets all its output."""

    log: str = ""


# The log is a volume of the lab's pool, so that libvirt's API can read it on a remote host too
CONSOLE = Declaration(
    "devices/serial",
    Console,
    Fixed("@type", "pty"),
    Property("log", "log/@file"),
    Fixed("log/@append", "off", when=lambda console: console.log),
)
