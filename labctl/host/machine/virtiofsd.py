"""Whether this machine has a virtiofsd that libvirt finds, by the files in which QEMU's programs describe themselves.

https://www.qemu.org/docs/master/interop/vhost-user.html#backend-programs
"""

from __future__ import annotations

import json
import os
from pathlib import Path

DESCRIBED = ("/etc/qemu/vhost-user", "/usr/share/qemu/vhost-user")
_MOST_BYTES = 1 << 16


def find() -> str | None:
    """The path of the program; None without one."""
    for folder in map(Path, DESCRIBED):
        for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            if path := _program(file):
                return path
    return None


def _program(file: Path) -> str:
    """The program that serves folders; empty if the file describes none."""
    try:
        with file.open("rb") as opened:
            told = json.loads(opened.read(_MOST_BYTES))
        path = str(told["binary"]) if told.get("type") == "fs" else ""
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return ""
    return path if os.access(path, os.X_OK) else ""
