"""The way out of a user's own libvirt: pasta, started for PID 1 inside, and again when it ends."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

from labctl.host.machine import command, processes
from labctl.host.rootless import contents

START_S = 10.0  # for pasta to configure what it makes
# How long pasta is not there before it is started again: twice as long each time, until it ran for the longest pause
PAUSE_S, LONGEST_S = 1.0, 60.0
_POLL_S = 0.02
_NAME_SERVERS = Path("/etc/resolv.conf")
# Nothing of the machine's loopback and of the world's leads to the other; addresses and names are the machine's
_PASTA = (
    "--foreground", "--quiet", "--config-net", "--no-map-gw",
    *(word for address in contents.RESOLVERS for word in ("--dns-forward", address)),
    "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
)  # fmt: skip


class WayOut:
    """pasta, running or about to be started again."""

    def __init__(self, pasta: str, init: int, under: tuple[str, ...]) -> None:
        """Start pasta, as the argument of the command `under`, for the namespaces of the process `init`."""
        self._argv, self._init = [*under, pasta, *_PASTA, str(init)], init
        self.pause = PAUSE_S
        self._begin()

    def _begin(self) -> None:
        self._begun, self._asked = time.monotonic(), name_servers()
        self._process = subprocess.Popen(self._argv)

    def wait(self) -> None:
        """Wait until the way is open; not for long, and not if pasta has ended, as on a machine without a network."""
        while not is_open(self._init) and self._process.poll() is None:
            if time.monotonic() - self._begun > START_S:
                return
            time.sleep(_POLL_S)

    def keep(self) -> None:
        """Start pasta again if it has ended, and the pause is over; or if the machine asks others for names now."""
        lasted = time.monotonic() - self._begun
        if self._process.poll() is None and name_servers() not in (self._asked, []):
            self.end()  # pasta reads them at its start
        if self._process.poll() is None:
            if lasted > LONGEST_S:
                self.pause = PAUSE_S
        elif lasted >= self.pause:
            self.pause = min(2 * self.pause, LONGEST_S)
            with suppress(OSError):  # no process can be started now, as where the user has too many
                self._begin()

    def end(self) -> None:
        """End pasta, and wait for it."""
        self._process.kill()
        self._process.wait()


def name_servers() -> list[str]:
    """The addresses that the machine asks for names; none while its file is away."""
    try:
        text = _NAME_SERVERS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [
        words[1] for words in map(str.split, text.splitlines()) if words[:1] == ["nameserver"] and words[1:]
    ]


def is_open(init: int, proc: Path = Path("/proc")) -> bool:
    """Whether a process has a default route: pasta makes it inside, and the kernel removes it when pasta ends."""
    net = proc / str(init) / "net"
    four = any(row[1] == row[7] == "00000000" for row in _rows(net / "route"))
    return four or any(row[:2] == ["0" * 32, "00"] and row[-1] != "lo" for row in _rows(net / "ipv6_route"))


def left(init: int) -> list[int]:
    """The PIDs of each pasta that outlived its world, whose PID 1 was `init`.

    So does one that AppArmor or SELinux confines where the holder was killed: the kernel forgets what a process is to
    end with when its confinement changes.
    """
    pasta = command.path("pasta")
    if pasta is None or processes.facts(init):  # another process has this PID by now
        return []
    return [pid for pid, _ in processes.own_with((pasta, *_PASTA, str(init)))]


def _rows(table: Path) -> list[list[str]]:
    """The words of a table of routes; none if the process ended, or the kernel has no such protocol."""
    try:
        return [line.split() for line in table.read_text(encoding="ascii").splitlines()]
    except OSError:
        return []
