"""Which subnet a network has: what is written down, what it has already, or a free one."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from labctl.core.address import Address
from labctl.engine.places import Allocation, Occupied, allocates, problem
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labctl.core.spec import Spec
    from labctl.engine.places import IpNetwork
    from labctl.labfile.model import Lab, Network

# Subnets are /24s of the first: seldom routed, and clear of libvirt's own 192.168.122.0. The others are for hosts that
# route all of 10.0.0.0/8 elsewhere, as a VPN does.
POOLS4 = tuple(IPv4Network(each) for each in ("10.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"))


def spoken_for(lab: Lab, existing: Mapping[Address, Spec]) -> Iterator[tuple[str, IPv4Network]]:
    """The subnets that the lab's networks state or, where they state none, have already."""
    stated = {n.name: n.subnet for n in lab.networks if isinstance(n.subnet, IPv4Network)}
    yield from stated.items()
    for network in lab.networks:
        before = existing.get(Address("network", network.name))
        if network.subnet is None and isinstance(before, NetworkSpec) and before.subnet4:
            kept = IPv4Network(before.subnet4)
            if not any(kept.overlaps(each) for each in stated.values()):
                yield network.name, kept


def choose4(
    lab: Lab, network: Network, before: NetworkSpec | None, taken: list[Occupied], result: Allocation
) -> IPv4Network | None:
    if network.subnet is False:
        return None
    clear = network.host is False
    if network.subnet is not None:
        _check_clash(lab, network, "subnet", taken, result)
        return network.subnet
    if before and before.subnet4:
        kept = IPv4Network(before.subnet4)
        if clear or not _clash(kept, [each for each in taken if each.owner.startswith("network ")]):
            return kept
    found = free(f"{lab.name}/{network.name}", [] if clear else taken)
    if found is None:
        summary = "no private subnet is free on this host: routes and other networks have them all"
        hint = "write one down with host: false, or remove a route"
        result.problems.append(problem(lab, network, "subnet", summary, hint))
    return found


_INSTEAD = {
    "subnet": "choose another subnet, or leave it out and labctl finds a free one",
    "ipv6": "choose another subnet, or write true and labctl chooses one",
}


def _check_clash(lab: Lab, network: Network, key: str, taken: list[Occupied], result: Allocation) -> None:
    """Report that a subnet which is written down is someone else's; the lab's own were compared by the loader."""
    subnet = getattr(network, key)
    clash = _clash(subnet, [each for each in taken if not each.owner.startswith("network ")])
    if clash and network.host is not False and allocates(network):
        summary = f"{subnet} overlaps {clash.subnet}, the {clash.owner}"
        result.problems.append(problem(lab, network, key, summary, _INSTEAD[key]))


def _clash(subnet: IpNetwork, taken: Iterable[Occupied]) -> Occupied | None:
    return next(
        (each for each in taken if each.subnet.version == subnet.version and each.subnet.overlaps(subnet)),
        None,
    )


def free(name: str, taken: list[Occupied]) -> IPv4Network | None:
    """The first free /24, from a place in the pool that the name decides, so that labs seldom meet."""
    for pool in POOLS4:
        if any(pool.subnet_of(each.subnet) for each in taken if isinstance(each.subnet, IPv4Network)):
            continue
        tries = 1 << 24 - pool.prefixlen
        start = int(hashlib.sha256(name.encode()).hexdigest(), 16) % tries
        for offset in range(tries):
            number = (start + offset) % tries
            subnet = IPv4Network((int(pool.network_address) + number * 256, 24))
            if not _clash(subnet, taken):
                return subnet
    return None


def choose6(
    lab: Lab, network: Network, before: NetworkSpec | None, taken: list[Occupied], result: Allocation
) -> IPv6Network | None:
    if network.ipv6 is False:
        return None
    if isinstance(network.ipv6, IPv6Network):
        _check_clash(lab, network, "ipv6", taken, result)
        return network.ipv6
    if before and before.subnet6:
        return IPv6Network(before.subnet6)
    digest = hashlib.sha256(
        f"{lab.name}/{network.name}".encode()
    ).hexdigest()  # RFC 4193: fd and 40 random bits
    return IPv6Network(f"fd{digest[:2]}:{digest[2:6]}:{digest[6:10]}::/64")
