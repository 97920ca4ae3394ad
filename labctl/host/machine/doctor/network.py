"""Obstacles to the networks of labs: firewalls that drop packets of guests, and a port 53 that is in use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.host.machine.doctor.check import OK, WARN, Check
from labctl.host.machine.firewall import SERVICES
from labctl.host.machine.packet_filter import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.machine.doctor.check import Distribution
    from labctl.host.machine.firewall import Rules

BRIDGE = "lab-00000000"  # an example of the names that labctl gives to bridges
_DNS_PORT = "0035"
_LISTENS = "0A"


def firewalls(distribution: Distribution, rules: Rules, root: Path = Path("/")) -> Iterator[Check]:
    """Check for chains and firewalls that drop, or may drop, packets which guests send through this host or to it."""
    found = [*_firewalld(distribution, root)]
    fates = [
        ("what guests on nat and routed networks send", *rules.forward_fate(BRIDGE)),
        ("what they send by IPv6", *rules.forward_fate(BRIDGE, "ip6")),
        *(
            (f"what guests ask of the host by {each}", *rules.input_fate(port, BRIDGE))
            for each, port in SERVICES.items()
        ),
    ]
    named = set()
    for what, fate, chain in fates:
        if fate is not Fate.PASSES and (fate, chain) not in named:  # one check for each chain
            named.add((fate, chain))
            found.append(_warning(what, fate, chain, rules, distribution))
    yield from found or [
        Check("firewall", OK, "no rule of nftables or iptables drops what guests send or ask")
    ]


def _warning(what: str, fate: Fate, chain: str, rules: Rules, distribution: Distribution) -> Check:
    if fate is Fate.DROPPED:
        return Check("firewall", WARN, f"{chain} drops {what}", _accept(chain, rules, distribution))
    if not chain:
        fix = "" if os.geteuid() == 0 else "sudo labctl doctor"
        return Check("firewall", WARN, f"whether {what} is dropped is not known: {rules.unread}", fix)
    see = distribution.as_root(f"nft list chain {chain}")
    return Check(
        "firewall",
        WARN,
        f"whether {chain} drops {what} is not known: it goes by more than interfaces",
        advice=f"see `{see}`",
    )


def _accept(chain: str, rules: Rules, distribution: Distribution) -> str:
    """The commands that insert rules before the one that drops the packets, so that they pass."""
    found = next(each for each in rules.chains.values() if str(each) == chain)
    family, table, name, forwards = found.family, found.table, found.name, found.hook == "forward"
    if not table.startswith("filter") or family not in ("ip", "ip6"):
        rest = ("iifname", "oifname") if forwards else ("iifname",)
        ports = "" if forwards else f" udp dport {{ {', '.join(map(str, SERVICES.values()))} }}"
        commands = [f"nft insert rule {chain} {way} 'lab-*'{ports} accept" for way in rest]
        return " && ".join(map(distribution.as_root, commands))
    if forwards and any(each.name.startswith("ufw-") for each in rules.chains.values()):
        edit = "sed -i s/^DEFAULT_FORWARD_POLICY=.*/DEFAULT_FORWARD_POLICY=ACCEPT/ /etc/default/ufw"
        return f"{distribution.as_root(edit)} && {distribution.as_root('ufw reload')}"
    tool = ("iptables" if family == "ip" else "ip6tables") + ("-legacy" if "legacy" in table else "")
    if not forwards:
        commands = [
            f"{tool} -I {name} -i lab-+ -p udp --dport {port} -j ACCEPT" for port in SERVICES.values()
        ]
        return " && ".join(map(distribution.as_root, commands))
    place = "DOCKER-USER" if (family, table, "DOCKER-USER") in rules.chains else name
    return " && ".join(distribution.as_root(f"{tool} -I {place} -{way} lab-+ -j ACCEPT") for way in "io")


def _firewalld(distribution: Distribution, root: Path) -> Iterator[Check]:
    if not (root / "run/firewalld").exists() and not (root / "run/dbus/firewalld").exists():
        return
    zones = (root / "usr/lib/firewalld/zones/libvirt.xml", root / "etc/firewalld/zones/libvirt.xml")
    if not any(zone.exists() for zone in zones):
        fix = distribution.install("libvirt")
        yield Check("firewall", WARN, "firewalld runs without libvirt's zone, which its package brings", fix)


def dns_port(root: Path = Path("/")) -> Check:
    """Check whether a process listens on port 53 of all addresses, so that libvirt's dnsmasq can't use the port."""
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
        advice="`ss -lnp 'sport = 53'` names it; let it listen on single addresses only",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
