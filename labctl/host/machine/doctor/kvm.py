"""Whether KVM works on this host."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.host.files import owners
from labctl.host.machine.doctor.check import FAIL, OK, WARN, Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.machine.doctor.check import Distribution

NODE = Path("/dev/kvm")
API_VERSION = 12  # KVM_GET_API_VERSION of every kernel since 2.6.22
PROBE_S = 5.0
# A separate process runs this, since the calls may hang in the kernel when the node exists without virtualisation.
_PROBE = """
import fcntl, os
node = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
version = fcntl.ioctl(node, 0xAE00, 0)
vm = fcntl.ioctl(node, 0xAE01, 0)
os.close(vm)
print(version)
"""


def checks(
    distribution: Distribution,
    node: Path = NODE,
    cpuinfo: Path = Path("/proc/cpuinfo"),
    *,
    opening: str = "",
) -> Iterator[Check]:
    """Check the CPU and the node. Missing KVM is a warning, since emulation works too.

    `opening` is the command that opens the node to this user, where to join the group kvm is not enough.
    """
    flag = _flag(cpuinfo)
    if flag is None:
        yield Check(
            "cpu",
            WARN,
            "no vmx or svm: VMs are emulated, several times slower",
            advice="switch virtualisation on in the firmware; inside a VM, nested virtualisation on its host",
        )
    else:
        yield Check("cpu", OK, flag)
    yield _node(distribution, node, opening, capable=flag is not None)


def _flag(cpuinfo: Path) -> str | None:
    """The CPU's flag for virtualisation; None without one. Only x86 has such a flag."""
    if platform.machine() not in ("x86_64", "i686"):
        return f"{platform.machine()}, which needs no flag"
    try:
        words = set(cpuinfo.read_text(encoding="utf-8").split())
    except OSError:
        return None
    return next((name for name in ("vmx", "svm") if name in words), None)


def _node(distribution: Distribution, node: Path, opening: str, *, capable: bool) -> Check:
    if not node.exists():
        load = distribution.as_root("modprobe -a kvm_intel kvm_amd")
        return Check("kvm", WARN, f"{node} is not there: VMs are emulated", load if capable else "")
    if not capable:
        return Check("kvm", WARN, f"{node} is there, but the CPU can't back it; it is not used")
    if not os.access(node, os.R_OK | os.W_OK):
        add = distribution.as_root(f"usermod -aG kvm {owners.user()}")
        advice = "" if opening else f"`{add}`, then log in again"
        return Check("kvm", WARN, f"{node} can't be opened by this user", opening, advice)
    return _probe(node)


def _probe(node: Path) -> Check:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=PROBE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Check("kvm", FAIL, f"{node} hangs", advice="unload the module, or keep the node from libvirt")
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        return Check("kvm", WARN, f"{node} can't make a VM: {why[0]}", advice="see `dmesg | grep -i kvm`")
    if int(done.stdout) != API_VERSION:
        return Check("kvm", WARN, f"{node} has API version {done.stdout.strip()}, not {API_VERSION}")
    return Check("kvm", OK, f"{node} makes VMs")
