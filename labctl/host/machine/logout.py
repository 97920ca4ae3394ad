"""Whether a user's processes outlast the logout: https://www.freedesktop.org/software/systemd/man/logind.conf.html"""

from __future__ import annotations

import os
from pathlib import Path

from labctl.host.machine import command

LINGER = "loginctl enable-linger"
SCOPE = "systemd-run --user --scope true"
_LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
_SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--")
_CGROUP = Path("/proc/self/cgroup")
_RUNTIME, _BUS = "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"  # where systemd-run finds the user's systemd


def ends_until(cgroup: Path = _CGROUP) -> str:
    """A command for the user, where what this process starts ends at their last logout; empty where it does not.

    It is `LINGER` where that would keep it, and `SCOPE`, which says why, where the user's systemd takes nothing that is
    to outlast a logout. `cgroup` says where this process runs.
    """
    below = _below_systemd(cgroup)
    if _lingers():
        return SCOPE if _kills() and not below and not _of_user() else ""
    return LINGER if below or _kills() else ""


def outlasting() -> tuple[str, ...]:
    """A command that executes another so that it outlasts the logout; empty where none is needed, or none helps."""
    return _of_user() if _kills() and _lingers() else ()


def _of_user() -> tuple[str, ...]:
    """A command that executes another in a scope of the user's systemd; empty where that takes none.

    The other one is told nothing of the user's systemd.
    """
    known = {_RUNTIME: os.environ.get(_RUNTIME) or f"/run/user/{os.geteuid()}"}
    if _BUS in os.environ:
        known[_BUS] = os.environ[_BUS]
    variables = (f"{name}={value}" for name, value in known.items())
    found = ("env", *variables, *_SCOPE, "env", "-u", _RUNTIME, "-u", _BUS)
    return () if command.output(*found, "true") is None else found


def _kills() -> bool:
    """Whether logind ends what a session leaves behind, which few distributions have set."""
    return (command.output("busctl", "get-property", *_LOGIND, "KillUserProcesses") or "").strip() == "b true"


def _below_systemd(cgroup: Path) -> bool:
    """Whether the user's systemd started it, as the terminals of desktops; that one ends with the last session."""
    try:
        return f"/user@{os.geteuid()}.service/" in cgroup.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _lingers() -> bool:
    return (
        command.output("loginctl", "show-user", str(os.geteuid()), "--property=Linger", "--value") or ""
    ).strip() == "yes"
