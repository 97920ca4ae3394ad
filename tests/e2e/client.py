"""Somebody on a lab's network who is no guest: a network namespace that has one NIC."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.harness import daemons

NIC = "eth0"


@dataclass(frozen=True)
class Client:
    """`name` is that of the namespace."""

    name: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        inside = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(inside, capture_output=True, text=True, check=False)

    def ok(self, *command: str) -> str:
        run = self.run(*command)
        assert run.returncode == 0, run
        return run.stdout

    def lease(self, folder: Path, mac: str = "") -> dict[str, str]:
        """What DHCP offers, in udhcpc's words (`ip`, `router`, `dns` …); nothing where nobody answers."""
        script = folder / "told"
        script.write_text("#!/bin/sh\nenv\n")
        script.chmod(0o755)
        if mac:
            self.ok("ip", "link", "set", NIC, "address", mac)
        # dnsmasq first looks for 3 s whether somebody has the address that it is about to give
        run = self.run("busybox", "udhcpc", "-fnq", "-i", NIC, "-s", str(script), "-t", "10", "-T", "1")
        return dict(line.split("=", 1) for line in run.stdout.splitlines() if "=" in line)

    def has_advertised_router(self) -> bool:
        """Whether a router advertisement, which is waited for, made the host its router."""
        daemons.wait_until(lambda: self.routes().startswith("fd"), "nobody advertises a prefix")
        return "default via" in self.routes()

    def routes(self) -> str:
        return self.ok("ip", "-6", "route")

    def reaches(self, address: str) -> bool:
        return self.run("busybox", "ping", "-q", "-c", "1", "-W", "2", address).returncode == 0


@contextmanager
def client(name: str, bridge: str = "") -> Iterator[Client]:
    """One that is plugged into a bridge; without one its other end is an interface of the host, called as it is."""
    made = Client(name)
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        pair = ["ip", "link", "add", name, "type", "veth", "peer", "name", NIC, "netns", name]
        subprocess.run(pair, check=True)
        if bridge:
            subprocess.run(["ip", "link", "set", name, "master", bridge], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        made.ok("ip", "link", "set", NIC, "up")
        yield made
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)
        daemons.wait_until(lambda: not Path(f"/sys/class/net/{name}").exists(), f"{name} is still there")
