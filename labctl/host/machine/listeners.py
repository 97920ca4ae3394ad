"""Which process listens on a port of this host, read from /proc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTENS = "0A"  # the state of a TCP socket, see include/net/tcp_states.h


def listener(port: int, proc: Path = Path("/proc")) -> str:
    """Find a process that listens on a port of all addresses, as `named (PID 812)`; empty if none can be seen."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    for folder in proc.glob("[0-9]*") if wanted else ():
        try:
            if any(str(each.readlink()) in wanted for each in (folder / "fd").iterdir()):
                return f"{(folder / 'comm').read_text().strip()} (PID {folder.name})"
        except OSError:
            continue  # the process ended, or belongs to another user
    return ""


def _inodes(port: int, proc: Path) -> Iterator[str]:
    for name in ("udp", "udp6", "tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            address, _, number = words[1].partition(":")
            listens = name.startswith("udp") or words[3] == _LISTENS
            if listens and int(number, 16) == port and not address.strip("0"):
                yield words[9]
