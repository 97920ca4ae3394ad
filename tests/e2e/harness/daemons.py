"""virtlogd and libvirtd inside the private world: start, stop and kill, also for tests that inject such faults."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

SOCKET = Path("/run/libvirt/libvirt-sock")
PIDFILE = Path("/run/libvirtd.pid")
LOG = Path("/var/log/libvirt/libvirtd.log")
START_TIMEOUT_S = 120  # the machine does other things too


def start() -> None:
    """Start what does not run; return when libvirtd accepts connections. TimeoutError carries its log."""
    if not Path("/run/virtlogd.pid").exists():
        subprocess.run(["virtlogd", "-d"], check=True)
    subprocess.run(["libvirtd", "-d"], check=True)
    wait_until(accepts_connections, "libvirtd accepts no connection")


def stop(number: signal.Signals = signal.SIGTERM) -> None:
    """End libvirtd with a signal and wait until it is gone; guests and virtlogd go on."""
    pid = libvirtd_pid()
    os.kill(pid, number)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), f"libvirtd is still there after {number.name}")


def restart(number: signal.Signals = signal.SIGTERM) -> None:
    stop(number)
    start()


def start_if_crashed() -> None:
    """Start libvirtd if it crashed, as systemd does: 9.0 may when a client that listens or sends is killed."""
    if not Path(f"/proc/{libvirtd_pid()}").exists():
        start()


def libvirtd_pid() -> int:
    return int(PIDFILE.read_text())


def accepts_connections() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(SOCKET)) == 0


def wait_until(condition, problem: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            tail = LOG.read_text().splitlines()[-20:] if LOG.exists() else []
            raise TimeoutError("\n".join([problem, *tail]))
        time.sleep(0.02)
