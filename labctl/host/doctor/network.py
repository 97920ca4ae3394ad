"""What stands in the way of the lab's networks: firewalls that drop forwarded traffic, a taken port 53."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.host.doctor.check import OK, WARN, Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.doctor.check import Distribution

BRIDGES = "lab-+"  # the names of labctl's bridges, as iptables matches them
_DNS_PORT = "0035"
_LISTENS = "0A"
NFTABLES = (
    10_004_000  # since 10.4 libvirt's rules have tables of their own, which can't overrule those of others
)
_SBIN = "/usr/sbin:/sbin"


def firewalls(
    distribution: Distribution, root: Path = Path("/"), *, own_rules: bool = False
) -> Iterator[Check]:
    """Each firewall that could drop what guests send through this host.

    `own_rules` says that libvirt's rules stand in the same chains and let its networks pass.
    """
    found = [*_ufw(distribution, root), *_firewalld(distribution, root)]
    if not own_rules:
        found += _forward_policy(distribution)
    yield from found or [Check("firewall", OK, "forwarded traffic is not dropped")]


def _ufw(distribution: Distribution, root: Path) -> Iterator[Check]:
    if "ENABLED=yes" not in _read(root / "etc/ufw/ufw.conf"):
        return
    if re.search(r'^DEFAULT_FORWARD_POLICY="?(DROP|REJECT)', _read(root / "etc/default/ufw"), re.MULTILINE):
        edit = "sed -i s/^DEFAULT_FORWARD_POLICY=.*/DEFAULT_FORWARD_POLICY=ACCEPT/ /etc/default/ufw"
        fix = f"{distribution.as_root(edit)} && {distribution.as_root('ufw reload')}"
        yield Check(
            "firewall", WARN, "ufw drops forwarded traffic: guests on nat and routed networks stay alone", fix
        )


def _firewalld(distribution: Distribution, root: Path) -> Iterator[Check]:
    if not (root / "run/firewalld").exists() and not (root / "run/dbus/firewalld").exists():
        return
    zones = (root / "usr/lib/firewalld/zones/libvirt.xml", root / "etc/firewalld/zones/libvirt.xml")
    if not any(zone.exists() for zone in zones):
        fix = distribution.install("libvirt")
        yield Check("firewall", WARN, "firewalld runs without libvirt's zone, which its package brings", fix)


def _forward_policy(distribution: Distribution) -> Iterator[Check]:
    """A FORWARD chain whose policy is DROP, as Docker sets it."""
    docker = Path("/sys/class/net/docker0").exists()
    rules = _rules()
    if rules is None:
        if docker:
            fix = f"see `{distribution.as_root('iptables -S FORWARD')}`"
            yield Check(
                "firewall", WARN, "Docker is here, which drops forwarded traffic; only root can see it", fix
            )
        elif os.geteuid() != 0:
            yield Check("firewall", OK, "its rules can't be read as an ordinary user")
        return
    if "-P FORWARD DROP" not in rules or f"-i {BRIDGES} -j ACCEPT" in rules:
        return
    chain = "DOCKER-USER" if docker else "FORWARD"
    commands = [f"iptables -I {chain} -{way} {BRIDGES} -j ACCEPT" for way in "io"]
    fix = " && ".join(map(distribution.as_root, commands))
    yield Check(
        "firewall", WARN, f"{'Docker' if docker else 'iptables'} drops forwarded traffic by default", fix
    )


def _rules() -> str | None:
    """The rules for forwarded traffic; None where they can't be read."""
    tool = shutil.which("iptables") or shutil.which("iptables", path=_SBIN)
    if tool is None or os.geteuid() != 0:
        return None
    done = subprocess.run([tool, "-w", "2", "-S"], capture_output=True, text=True, check=False, timeout=10)
    return done.stdout if done.returncode == 0 else None


def dns_port(root: Path = Path("/")) -> Check:
    """Whether someone listens on port 53 of every address, which keeps libvirt's dnsmasq from its own."""
    taken = []
    for name in ("udp", "udp6", "tcp", "tcp6"):
        for line in _read(root / "proc/net" / name).splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, port = local.partition(":")
            if port == _DNS_PORT and not address.strip("0") and (name.startswith("udp") or state == _LISTENS):
                taken.append(name)
    if not taken:
        return Check("port 53", OK, "free for libvirt's dnsmasq")
    return Check(
        "port 53",
        WARN,
        f"a name server listens on every address ({', '.join(taken)}), so networks can't start",
        "`ss -lnp 'sport = 53'` names it; let it listen on single addresses only",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
