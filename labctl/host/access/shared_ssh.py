"""The one connection of OpenSSH to each VM, which commands, logins and copies share.

The first of them makes it, and it stays for a while afterwards (ControlMaster and ControlPersist of ssh_config). Its
control socket is in the user's runtime folder, and named after the lab and the id that libvirt gave the VM at
its start. So no later start, nor another VM of that name, ever meets the connection of an earlier one.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.host.files import runtime
from labctl.host.machine import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

PERSIST_S = 600  # how long it stays when nobody uses it
# A VM that hangs or went away is noticed within these seconds, instead of TCP's minutes.
ALIVE_S, ALIVE_COUNT = 5, 3
_SOCKET_BYTES = 107 - 17  # of a UNIX socket's path, to which OpenSSH adds something while it makes the socket
_END_S, _POLL_S = 5, 0.01


def socket(uri: str, lab: str, domain_id: int) -> Path | None:
    """The path of the control socket of a running VM; None where no socket can have so long a path.

    Raises:
        LabctlError: the runtime folder can't be used.
    """
    path = runtime.folder() / f"{_prefix(uri, lab)}{domain_id}"
    return path if len(bytes(path)) <= _SOCKET_BYTES else None


def options(control: Path | None) -> list[str]:
    """OpenSSH's options for who uses the connection, and makes it if need be."""
    if control is None:
        return []
    values = {
        "ControlMaster": "auto",
        "ControlPath": control,
        "ControlPersist": PERSIST_S,
        "ServerAliveInterval": ALIVE_S,
        "ServerAliveCountMax": ALIVE_COUNT,
    }
    return [word for name, value in values.items() for word in ("-o", f"{name}={value}")]


def end_others(uri: str, lab: str, running: Callable[[], Collection[int]]) -> None:
    """End the connections to VMs of a lab that don't run any more; `running` gives the ids of all domains that do.

    Raises:
        LabctlError: the runtime folder can't be used.
    """
    sockets = list(_sockets(_prefix(uri, lab)))
    if not sockets:
        return
    import subprocess  # most runs do without

    now = running()
    for path, domain_id in sockets:
        if domain_id not in now:
            with suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    ["ssh", "-F", "none", "-o", f"ControlPath={path}", "-O", "exit", "--", "labctl"],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_END_S,
                    check=False,
                )
            path.unlink(missing_ok=True)  # of one that was killed before


def end_ways_through(config: Path, running: Callable[[], Collection[str]]) -> None:
    """End what leads to a VM through another one that runs no more; `running` gives the names of those that do.

    OpenSSH ends its ProxyCommand without waiting for it, and one that is not told waits for a VM that answers no more.
    """
    begin = ("ssh", "-F", str(config), "-W")
    ways = [(pid, arguments[-1]) for pid, arguments in processes.own_with(begin)]
    now = running() if ways else ()
    ended = [pid for pid, jump in ways if jump not in now]
    for pid in ended:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # nothing else may reach it, and it has nothing to clean up
    deadline = time.monotonic() + _END_S
    while any(map(processes.facts, ended)) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _prefix(uri: str, lab: str) -> str:
    return f"ssh-{hashlib.sha256(f'{uri} {lab}'.encode()).hexdigest()[:12]}-"


def _sockets(prefix: str) -> Iterator[tuple[Path, int]]:
    folder = runtime.existing()
    for path in folder.glob(f"{prefix}*") if folder else ():
        if re.fullmatch(r"\d+", number := path.name.removeprefix(prefix)):
            yield path, int(number)
