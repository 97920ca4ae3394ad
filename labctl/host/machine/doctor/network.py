"""What stands in the way of the lab's networks: firewalls that drop what guests send or ask, a taken port 53."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.host.machine.doctor.check import OK, WARN, Check
from labctl.host.machine.firewall import SERVICES
from labctl.host.machine.packets import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.machine.doctor.check import Distribution
    from labctl.host.machine.firewall import Rules

BRIDGE = "lab-00000000"  # a name as labctl gives to bridges
_DNS_PORT = "0035"
_LISTENS = "0A"


def firewalls(distribution: Distribution, rules: Rules, root: Path = Path("/")) -> Iterator[Check]:
    """Each chain and firewall that drops what guests send through this host or ask of it, or might."""
    found = [*_firewalld(distribution, root)]
    fates = [
        ("what guests on nat and routed networks send", *rules.forwarding(BRIDGE)),
        ("what they send by IPv6", *rules.forwarding(BRIDGE, "ip6")),
        *(
            (f"what guests ask of the host by {each}", *rules.asking(port, BRIDGE))
            for each, port in SERVICES.items()
        ),
    ]
    told = set()
    for what, fate, chain in fates:
        if fate is not Fate.PASSES and (fate, chain) not in told:  # one word of each
            told.add((fate, chain))
            found.append(_told(what, fate, chain, rules, distribution))
    yield from found or [
        Check("firewall", OK, "no rule of nftables or iptables drops what guests send or ask")
    ]


def _told(what: str, fate: Fate, chain: str, rules: Rules, distribution: Distribution) -> Check:
    if fate is Fate.DROPPED:
        return Check("firewall", WARN, f"{chain} drops {what}", _way(chain, rules, distribution))
    if not chain:
        fix = "" if os.geteuid() == 0 else "sudo labctl doctor"
        return Check("firewall", WARN, f"whether {what} is dropped is not known: {rules.unread}", fix)
    see = distribution.as_root(f"nft list chain {chain}")
    return Check(
        "firewall",
        WARN,
        f"whether {chain} drops {what} is not known: it goes by more than interfaces",
        f"see `{see}`",
    )


def _way(chain: str, rules: Rules, distribution: Distribution) -> str:
    """The commands that let it pass, in front of what drops it."""
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
