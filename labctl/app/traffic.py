"""Checks whether this host's packet filter lets the guests' traffic through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.errors import Problem
from labctl.engine.allocation import allocates
from labctl.host.machine import firewall
from labctl.host.machine.packet_filter import Fate
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.app.session import Session
    from labctl.core.plan import Plan
    from labctl.engine.allocation import Allocation
    from labctl.host.host import Host
    from labctl.host.machine.firewall import Rules
    from labctl.labfile.model import LabModel, Network

_FORWARDING = ("nat", "routed", "open")


def check(session: Session, plan: Plan, allocation: Allocation) -> Iterator[Problem]:
    """Warn of each chain that drops traffic of guests, on networks that the plan starts or starts VMs on.

    A remote host is not checked, and neither is one whose rules the user may not read: a warning in each run would not
    help.
    """
    affected = _affected(plan)
    networks = [each for each in session.lab.networks if each.name in affected and allocates(each)]
    for host in session.hosts if networks else ():
        here = [each for each in networks if session.hosts.of(addresses.network(each.name)) is host]
        if here and host.local and "qemu" in host.capabilities.types:
            yield from _on(host, here, session.lab, allocation)


def _on(host: Host, networks: Sequence[Network], lab: LabModel, allocation: Allocation) -> Iterator[Problem]:
    rules = firewall.read_rules(host.output, host.virt.getLibVersion())
    dropped: dict[tuple[str, str], list[str]] = {}
    for network in networks:
        for key in _dropped(lab, network, allocation, rules):
            dropped.setdefault(key, []).append(network.name)
    for (what, chain), names in dropped.items():
        path = ("networks", names[0]) if len(names) == 1 else ("networks",)
        whose = "its guests" if len(names) == 1 else f"the guests of {', '.join(names)}"
        yield Problem(
            f"this host's firewall drops what {whose} {what}: {chain}",
            ".".join(path),
            lab.where(*path),
            "`labctl doctor` says how to let it pass",
            "warning",
        )


def _affected(plan: Plan) -> set[str]:
    """The names of networks that the plan creates or starts, or on which it starts VMs."""
    return {name for step in plan.steps if step.after for name in step.after.networks}


def _dropped(
    lab: LabModel, network: Network, allocation: Allocation, rules: Rules
) -> Iterator[tuple[str, str]]:
    """The traffic of a network's guests that is dropped: what they do, in a few words, and the chain."""
    bridge = network.bridge or identity.bridge_name(lab.name, network.name)
    opened = network.mode != "open"
    place = allocation.networks.get(network.name)
    if place is None:
        return
    if network.mode in _FORWARDING:
        families = (("ip", place.host4, ""), ("ip6", place.host6, " by IPv6"))
        for family, how in ((family, how) for family, host, how in families if host):
            fate, chain = rules.forward_fate(bridge, family, opened=opened)
            if fate is Fate.DROPPED:
                yield f"send through the host{how}", chain
    asked = firewall.SERVICES.items() if place.host4 else ()
    for name, port in (each for each in asked if place.dhcp or each[0] != "DHCP"):
        fate, chain = rules.input_fate(port, bridge, opened=opened)
        if fate is Fate.DROPPED:
            yield f"ask the host by {name}", chain
