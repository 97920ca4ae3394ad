"""The guest's script: its text, and how it is written down and started in a guest."""

from __future__ import annotations

from labctl import resources
from labctl.guest.protocol import VERSION

END = "LABCTL-END"  # of here-documents
PATH = "/run/labctl/guest.sh"
UNIT = "labctl-guest"


def text() -> str:
    return resources.text("templates/guest/keys.sh") + resources.text("templates/guest/labctl-guest.sh")


def install() -> str:
    """Lines for sh, as root, that write the script down and start it."""
    return f"{_written()}{_started(UNIT)}"


def renewal() -> str:
    """Lines that an older script of a guest runs: they start this one beside it, which then takes its place."""
    return f"{_written()}exec >/dev/null 2>&1\n{_started(f'{UNIT}-{VERSION}')}"


def _written() -> str:
    return f"umask 077\nmkdir -p /run/labctl\ncat >{PATH} <<'{END}'\n{text()}{END}\n"


def _started(unit: str) -> str:
    """Start it in a transient unit, without default dependencies: those would wait for what waits for cloud-init."""
    return (
        f"systemd-run --quiet --no-block --collect --unit={unit} -p DefaultDependencies=no"
        f" /bin/sh {PATH} 2>/dev/null || setsid /bin/sh {PATH} </dev/null >/dev/null 2>&1 &\n"
    )
