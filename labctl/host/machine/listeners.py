"""Which process has a port of this host, read from /proc."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from labctl.core.endpoint import Endpoint
    from labctl.core.ip import IpAddress

_LISTENS = "0A"  # the state of a TCP socket, see include/net/tcp_states.h
_PROC = Path("/proc")


@record
class Process:
    pid: int
    name: str

    def __str__(self) -> str:
        """`named (PID 812)`."""
        return f"{self.name} (PID {self.pid})"


def listener(port: int, proc: Path = _PROC) -> str:
    """Find a process that listens on a port of all addresses, as `named (PID 812)`; empty if none can be seen."""
    names = ("udp", "udp6", "tcp", "tcp6")
    return str(_having(_inodes(names, port, lambda text: not text.strip("0"), proc), proc) or "")


def owner(endpoint: Endpoint, protocol: str, proc: Path = _PROC) -> Process | None:
    """The process that keeps others from listening there; None if none can be seen, as that of another user."""
    return _having(_taking(endpoint, protocol, proc), proc)


def listens(pid: int, endpoint: Endpoint, protocol: str, proc: Path = _PROC) -> bool:
    """Whether a process listens there."""
    return _has(proc / str(pid), {f"socket:[{inode}]" for inode in _taking(endpoint, protocol, proc)})


def _taking(endpoint: Endpoint, protocol: str, proc: Path) -> Iterator[str]:
    """The inodes of sockets on this address and port, or on all addresses and this port."""
    own = _written(endpoint.ip)
    names = (protocol, f"{protocol}6")  # a socket of all IPv6 addresses may take IPv4 too
    everywhere = endpoint.ip.is_unspecified
    return _inodes(names, endpoint.port, lambda text: everywhere or text == own or not text.strip("0"), proc)


def _written(ip: IpAddress) -> str:
    """An address as the kernel writes it: each 32 bits as a number of this machine."""
    words = (ip.packed[place : place + 4] for place in range(0, len(ip.packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


def _having(inodes: Iterator[str], proc: Path) -> Process | None:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in proc.glob("[0-9]*") if wanted else ():
        if _has(folder, wanted):
            try:
                return Process(int(folder.name), (folder / "comm").read_text().strip())
            except OSError:
                continue  # it ended
    return None


def _has(folder: Path, sockets: Collection[str]) -> bool:
    try:
        return any(_target(each) in sockets for each in (folder / "fd").iterdir())
    except OSError:
        return False  # the process ended, or belongs to another user


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""  # it was closed meanwhile


def _inodes(names: Collection[str], port: int, fits: Callable[[str], bool], proc: Path) -> Iterator[str]:
    for name in names:
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            address, _, number = words[1].partition(":")
            listens_there = name.startswith("udp") or words[3] == _LISTENS
            if listens_there and int(number, 16) == port and fits(address):
                yield words[9]
