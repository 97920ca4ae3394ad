"""The text of the guest's script, and the shell commands that install and start it in a guest."""

from __future__ import annotations

from labctl import resources
from labctl.guest.protocol import VERSION

END = "LABCTL-END"  # the delimiter of here-documents
PATH = "/run/labctl/guest.sh"
UNIT = "labctl-guest"


def text() -> str:
    return resources.text("templates/guest/keys.sh") + resources.text("templates/guest/labctl-guest.sh")


def install() -> str:
    """Commands for sh, run by root, that write the script to a file and start it."""
    return f"{_write()}{_start(UNIT)}"


def renewal() -> str:
    """Commands that an older version of the script runs to start this one, which then ends the older one."""
    return f"{_write()}exec >/dev/null 2>&1\n{_start(f'{UNIT}-{VERSION}')}"


def _write() -> str:
    return f"umask 077\nmkdir -p /run/labctl\ncat >{PATH} <<'{END}'\n{text()}{END}\n"


def _start(unit: str) -> str:
    """Commands that start the script in a transient unit, or without systemd in the background.

    The unit has no default dependencies: by these it would wait for units that wait for cloud-init.
    """
    return (
        f"systemd-run --quiet --no-block --collect --unit={unit} -p DefaultDependencies=no"
        f" /bin/sh {PATH} 2>/dev/null || setsid /bin/sh {PATH} </dev/null >/dev/null 2>&1 &\n"
    )
