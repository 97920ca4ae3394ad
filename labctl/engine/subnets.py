"""Chooses the subnet of a network: the one that the Labfile states, the one that it has already, or a free one."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from labctl.core.record import field, record
from labctl.core.spec import find
from labctl.engine.allocation import Allocation, Occupied, OccupiedSubnets, allocates, problem
from labctl.kinds import addresses
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labctl.core.address import Address
    from labctl.core.spec import Spec
    from labctl.labfile.model import LabModel, Network

# Subnets are /24 networks from the first range, which is rarely used elsewhere and does not overlap libvirt's default
# network 192.168.122.0/24. The other ranges are for hosts that route all of 10.0.0.0/8 elsewhere, as for a VPN.
POOLS4 = tuple(IPv4Network(each) for each in ("10.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"))


@record
class OtherSubnets:
    """The subnets that a network must not overlap: those of the host's routes and networks, and those of the lab."""

    host: OccupiedSubnets = field(default_factory=OccupiedSubnets)
    lab: OccupiedSubnets = field(default_factory=OccupiedSubnets)


def lab_subnets(lab: LabModel, existing: Mapping[Address, Spec]) -> Iterator[Occupied]:
    """The subnets of the lab's own networks: the stated ones, else the existing ones."""
    stated = [Occupied(n.subnet, owner(n)) for n in lab.networks if isinstance(n.subnet, IPv4Network)]
    yield from stated
    taken = OccupiedSubnets(stated)
    for network in lab.networks:
        before = find(existing, addresses.network(network.name), NetworkSpec)
        if network.subnet is None and before and before.subnet4:
            kept = IPv4Network(before.subnet4)
            if not taken.clash(kept):
                yield Occupied(kept, owner(network))


def owner(network: Network) -> str:
    return f"network {network.name}"


def choose_ipv4(
    lab: LabModel, network: Network, before: NetworkSpec | None, others: OtherSubnets, result: Allocation
) -> IPv4Network | None:
    if network.subnet is False:
        return None
    clear = network.host is False
    if network.subnet is not None:
        _check_clash(lab, network, "subnet", others, result)
        return network.subnet
    if before and before.subnet4:
        kept = IPv4Network(before.subnet4)
        if clear or not others.lab.clash(kept, but=owner(network)):
            return kept
    found = free_subnet(f"{lab.name}/{network.name}", OtherSubnets() if clear else others, but=owner(network))
    if found is None:
        summary = "no private subnet is free on this host: routes and other networks have them all"
        hint = "write one down with host: false, or remove a route"
        result.problems.append(problem(lab, network, "subnet", summary, hint))
    return found


_INSTEAD = {
    "subnet": "choose another subnet, or leave it out and labctl finds a free one",
    "ipv6": "choose another subnet, or write true and labctl chooses one",
}


def _check_clash(lab: LabModel, network: Network, key: str, others: OtherSubnets, result: Allocation) -> None:
    """Report a stated subnet that overlaps one of the host. The loader has compared the lab's own subnets."""
    subnet = getattr(network, key)
    clash = others.host.clash(subnet)
    if clash and network.host is not False and allocates(network):
        summary = f"{subnet} overlaps {clash.subnet}, the {clash.owner}"
        result.problems.append(problem(lab, network, key, summary, _INSTEAD[key]))


def free_subnet(name: str, others: OtherSubnets, *, but: str = "") -> IPv4Network | None:
    """The first free /24. The search starts where a hash of `name` says, so that two labs rarely get the same."""
    for pool in POOLS4:
        if others.host.covers(pool) or others.lab.covers(pool):
            continue
        tries = 1 << 24 - pool.prefixlen
        start = int(hashlib.sha256(name.encode()).hexdigest(), 16) % tries
        for offset in range(tries):
            number = (start + offset) % tries
            subnet = IPv4Network((int(pool.network_address) + number * 256, 24))
            if not (others.host.clash(subnet) or others.lab.clash(subnet, but=but)):
                return subnet
    return None


def choose_ipv6(
    lab: LabModel, network: Network, before: NetworkSpec | None, others: OtherSubnets, result: Allocation
) -> IPv6Network | None:
    if network.ipv6 is False:
        return None
    if isinstance(network.ipv6, IPv6Network):
        _check_clash(lab, network, "ipv6", others, result)
        return network.ipv6
    if before and before.subnet6:
        return IPv6Network(before.subnet6)
    digest = hashlib.sha256(
        f"{lab.name}/{network.name}".encode()
    ).hexdigest()  # RFC 4193: fd and 40 random bits
    return IPv6Network(f"fd{digest[:2]}:{digest[2:6]}:{digest[6:10]}::/64")
