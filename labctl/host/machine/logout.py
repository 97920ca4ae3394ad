"""Whether a user's processes outlast the logout: https://www.freedesktop.org/software/systemd/man/logind.conf.html"""

from __future__ import annotations

import os

from labctl.host.machine import command

LINGER = "loginctl enable-linger"
_LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
_OF_USER = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--")


def ends_processes() -> bool:
    """Whether this machine ends all processes of this user at the last logout."""
    return _kills() and not _lingers()


def outlasting() -> tuple[str, ...]:
    """A command that executes another so that it outlasts the logout; empty where none is needed, or helps."""
    return _OF_USER if _kills() and _lingers() else ()


def _kills() -> bool:
    """Whether logind ends what a session leaves behind, which few distributions have set."""
    return (command.output("busctl", "get-property", *_LOGIND, "KillUserProcesses") or "").strip() == "b true"


def _lingers() -> bool:
    return (
        command.output("loginctl", "show-user", str(os.geteuid()), "--property=Linger", "--value") or ""
    ).strip() == "yes"
