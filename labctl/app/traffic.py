"""Whether this host's packet filter lets the guests' traffic through, checked before VMs start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.errors import Problem
from labctl.engine.allocation import allocates
from labctl.host.machine import firewall
from labctl.host.machine.packets import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan
    from labctl.engine.allocation import Allocation
    from labctl.host.machine.firewall import Rules
    from labctl.labfile.model import LabModel, Network

_FORWARDING = ("nat", "routed", "open")


def check(session: Session, plan: Plan, allocation: Allocation) -> Iterator[Problem]:
    """Warn of each chain that drops what guests send, on the networks that the plan starts or starts VMs on.

    Only for this host, and only where its rules can be read: users who can't read them get no warning each time.
    """
    concerned = _concerned(plan)
    networks = [each for each in session.lab.networks if each.name in concerned and allocates(each)]
    host = session.host
    if not networks or not host.local or "qemu" not in host.capabilities.types:
        return
    rules = firewall.read(host.output, host.virt.getLibVersion())
    dropped: dict[tuple[str, str], list[str]] = {}
    for network in networks:
        for key in _dropped(session.lab, network, allocation, rules):
            dropped.setdefault(key, []).append(network.name)
    for (what, chain), names in dropped.items():
        path = ("networks", names[0]) if len(names) == 1 else ("networks",)
        whose = "its guests" if len(names) == 1 else f"the guests of {', '.join(names)}"
        yield Problem(
            f"this host's firewall drops what {whose} {what}: {chain}",
            ".".join(path),
            session.lab.where(*path),
            "`labctl doctor` says how to let it pass",
            "warning",
        )


def _concerned(plan: Plan) -> set[str]:
    """The networks that a plan makes or starts, or on which it starts VMs."""
    return {name for step in plan.steps if step.after for name in step.after.networks}


def _dropped(
    lab: LabModel, network: Network, allocation: Allocation, rules: Rules
) -> Iterator[tuple[str, str]]:
    """What is dropped of what a network's guests send, in a few words, and by which chain."""
    bridge = network.bridge or identity.bridge_name(lab.name, network.name)
    opened = network.mode != "open"
    place = allocation.networks.get(network.name)
    if place is None:
        return
    if network.mode in _FORWARDING:
        families = (("ip", place.host4, ""), ("ip6", place.host6, " by IPv6"))
        for family, how in ((family, how) for family, host, how in families if host):
            fate, chain = rules.forwarding(bridge, family, opened=opened)
            if fate is Fate.DROPPED:
                yield f"send through the host{how}", chain
    asked = firewall.SERVICES.items() if place.host4 else ()
    for name, port in (each for each in asked if place.dhcp or each[0] != "DHCP"):
        fate, chain = rules.asking(port, bridge, opened=opened)
        if fate is Fate.DROPPED:
            yield f"ask the host by {name}", chain
