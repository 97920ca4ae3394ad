"""Give every network its subnet and every NIC its MAC and addresses, at plan time.

Pure: the same Labfile on the same host gives the same answer. What exists keeps what it has, so that a lab that grows
moves nothing; then come the addresses that the Labfile states; the rest gets the lowest free ones in file order.
"""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface
from itertools import count
from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.address import Address
from labctl.core.errors import Problem
from labctl.core.record import field, record
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labctl.core.spec import Spec
    from labctl.labfile.model import Lab, Network, Nic, Vm

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network
# Subnets are /24s of the first: seldom routed, and clear of libvirt's own 192.168.122.0. The others are for hosts that
# route all of 10.0.0.0/8 elsewhere, as a VPN does.
POOLS4 = tuple(IPv4Network(each) for each in ("10.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"))


@record
class Occupied:
    """A subnet that someone else has, and who: `route of eth0`, `network default`."""

    subnet: IpNetwork
    owner: str


@record
class NetworkPlace:
    """Where a network stands; None is "none"."""

    subnet4: IPv4Network | None = None
    subnet6: IPv6Network | None = None
    host4: IPv4Address | None = None
    host6: IPv6Address | None = None
    gateways: tuple[IpAddress, ...] = ()
    dhcp: bool = False

    @property
    def dns(self) -> bool:
        return bool(self.host4 or self.host6)


@record
class NicPlace:
    mac: str
    ip: IPv4Address | None = None
    ip6: IPv6Address | None = None


@record(frozen=False)
class Allocation:
    """`nics` is keyed by (VM, NIC). `problems` are collisions that only a look at the host shows."""

    networks: dict[str, NetworkPlace] = field(default_factory=dict)
    nics: dict[tuple[str, str], NicPlace] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def values(self) -> dict[str, str]:
        """What `${vms.db.back.ip}` and `${networks.back.subnet}` stand for."""
        values: dict[str, str] = {}
        facts: dict[str, object]
        for name, place in self.networks.items():
            facts = {"subnet": place.subnet4 or place.subnet6, "host": place.host4 or place.host6}
            facts["gateway"] = next(iter(place.gateways), None)
            values |= {f"networks.{name}.{key}": str(value) for key, value in facts.items() if value}
        for (vm, nic), spot in self.nics.items():
            facts = {"ip": spot.ip, "ip6": spot.ip6, "mac": spot.mac}
            values |= {f"vms.{vm}.{nic}.{key}": str(value) for key, value in facts.items() if value}
        return values


def allocate(lab: Lab, existing: Mapping[Address, Spec], occupied: Iterable[Occupied]) -> Allocation:
    """Place everything; `existing` are the lab's own objects, `occupied` the subnets of all others."""
    result = Allocation()
    taken = list(occupied)
    spoken_for = dict(_spoken_for(lab, existing))
    for network in lab.networks:
        others = [
            Occupied(subnet, f"network {name}") for name, subnet in spoken_for.items() if name != network.name
        ]
        _place_network(lab, network, existing, [*taken, *others], result)
        place = result.networks[network.name]
        shared = network.host is False  # such segments never meet the host's routing
        mine = () if shared else (place.subnet4, place.subnet6)
        taken += [Occupied(subnet, f"network {network.name}") for subnet in mine if subnet]
    _place_nics(lab, existing, result)
    _set_gateways(lab, result)
    return result


def _spoken_for(lab: Lab, existing: Mapping[Address, Spec]) -> Iterator[tuple[str, IPv4Network]]:
    """The subnets that the lab's networks state or, where they state none, have already."""
    stated = {n.name: n.subnet for n in lab.networks if isinstance(n.subnet, IPv4Network)}
    yield from stated.items()
    for network in lab.networks:
        before = existing.get(Address("network", network.name))
        if network.subnet is None and isinstance(before, NetworkSpec) and before.subnet4:
            kept = IPv4Network(before.subnet4)
            if not any(kept.overlaps(each) for each in stated.values()):
                yield network.name, kept


def allocates(network: Network) -> bool:
    """Whether labctl is the one that gives addresses on it."""
    return network.external is None and network.mode not in ("bridge", "macvtap")


def _place_network(
    lab: Lab, network: Network, existing: Mapping[Address, Spec], taken: list[Occupied], result: Allocation
) -> None:
    was = existing.get(Address("network", network.name))
    before = was if isinstance(was, NetworkSpec) else None
    subnet4 = _subnet4(lab, network, before, taken, result) if allocates(network) else network.subnet or None
    subnet6 = _subnet6(lab, network, before, taken, result)
    hosts: tuple[IpAddress, ...] = ()
    if allocates(network) and network.host is not False:
        hosts = network.host or tuple(_first(subnet) for subnet in (subnet4, subnet6) if subnet)
    host4 = next((each for each in hosts if isinstance(each, IPv4Address)), None)
    host6 = next((each for each in hosts if isinstance(each, IPv6Address)), None)
    dhcp = network.dhcp.enabled is not False and bool(hosts)
    result.networks[network.name] = NetworkPlace(subnet4, subnet6, host4, host6, (), dhcp)


def _first(subnet: IpNetwork) -> IpAddress:
    return ip_address(int(subnet.network_address) + 1)


def _subnet4(
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
    free = _free_subnet(f"{lab.name}/{network.name}", [] if clear else taken)
    if free is None:
        summary = "no private subnet is free on this host: routes and other networks have them all"
        hint = "write one down with host: false, or remove a route"
        result.problems.append(_problem(lab, network, "subnet", summary, hint))
    return free


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
        result.problems.append(_problem(lab, network, key, summary, _INSTEAD[key]))


def _problem(lab: Lab, network: Network, key: str, summary: str, hint: str) -> Problem:
    return Problem(summary, f"networks.{network.name}.{key}", lab.where("networks", network.name, key), hint)


def _clash(subnet: IpNetwork, taken: Iterable[Occupied]) -> Occupied | None:
    return next(
        (each for each in taken if each.subnet.version == subnet.version and each.subnet.overlaps(subnet)),
        None,
    )


def _free_subnet(name: str, taken: list[Occupied]) -> IPv4Network | None:
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


def _subnet6(
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


def _place_nics(lab: Lab, existing: Mapping[Address, Spec], result: Allocation) -> None:
    known = dict(_known_addresses(existing))
    by_network: dict[str, list[tuple[Vm, Nic, str]]] = {}
    owners: dict[str, str] = {}
    for vm in lab.vms:
        for nic in vm.nics:
            mac = nic.mac or identity.mac_address(lab.name, vm.name, nic.name)
            if owners.setdefault(mac, vm.name) != vm.name:  # one in 16 million pairs
                result.problems.append(
                    Problem(
                        f"the MAC {mac} follows for it, which is that of {owners[mac]} already",
                        f"vms.{vm.name}.networks.{nic.name}",
                        lab.where("vms", vm.name, "networks", nic.name),
                        "set `mac`",
                    )
                )
            by_network.setdefault(nic.network, []).append((vm, nic, mac))
            result.nics[vm.name, nic.name] = NicPlace(mac)
    for network in lab.networks:
        members = by_network.get(network.name, [])
        place = result.networks[network.name]
        for version, subnet in ((4, place.subnet4), (6, place.subnet6)):
            if subnet is not None:
                homeless = _number(network, members, version, known, result)
                if homeless:
                    key = "subnet" if version == 4 else "ipv6"
                    summary = f"{subnet} has no address left for {homeless.name}"
                    result.problems.append(
                        _problem(lab, network, key, summary, "give the network a larger subnet")
                    )


def _known_addresses(existing: Mapping[Address, Spec]) -> Iterator[tuple[tuple[str, int], IpAddress]]:
    """The addresses that MACs have now, by (MAC, IP version)."""
    for spec in existing.values():
        if isinstance(spec, NetworkSpec):
            for host in spec.dhcp_hosts:
                if host.mac:
                    yield (host.mac, 4), ip_address(host.ip)
    for spec in existing.values():
        for nic in spec.nics if isinstance(spec, VmSpec) else ():
            for line in nic.guest:
                if line.startswith("address "):
                    address = ip_interface(line.split()[1]).ip
                    yield (nic.mac, address.version), address


def _number(
    network: Network,
    members: list[tuple[Vm, Nic, str]],
    version: int,
    known: Mapping[tuple[str, int], IpAddress],
    result: Allocation,
) -> Vm | None:
    """Give one family's addresses on one network; the first VM that gets none is returned."""
    place = result.networks[network.name]
    subnet: IpNetwork | None = place.subnet4 if version == 4 else place.subnet6
    assert subnet is not None  # the caller's condition
    used = _unavailable(network, place)
    chosen: dict[tuple[str, str], IpAddress] = {}
    open_: list[tuple[Vm, Nic, str]] = []
    for vm, nic, mac in members:
        stated = nic.ip if version == 4 else nic.ip6
        if stated is False or (stated is None and not allocates(network)):
            continue
        if stated is not None:
            chosen[vm.name, nic.name] = stated
            used.add(stated)
        else:
            open_.append((vm, nic, mac))
    waiting = []
    for vm, nic, mac in open_:
        kept = known.get((mac, version))
        if kept is not None and kept in subnet and kept not in used:
            chosen[vm.name, nic.name] = kept
            used.add(kept)
        else:
            waiting.append((vm, nic))
    free = _free_addresses(subnet, used, network)
    for vm, nic in waiting:
        address = next(free, None)
        if address is None:
            return vm
        chosen[vm.name, nic.name] = address
    for key, address in chosen.items():
        spot = result.nics[key]
        v4 = address if isinstance(address, IPv4Address) else spot.ip
        v6 = address if isinstance(address, IPv6Address) else spot.ip6
        result.nics[key] = NicPlace(spot.mac, v4, v6)
    return None


def _unavailable(network: Network, place: NetworkPlace) -> set[IpAddress]:
    used: set[IpAddress] = set(network.reserve)
    used |= {each for each in (place.host4, place.host6) if each}
    if isinstance(network.gateway, IPv4Address | IPv6Address):
        used.add(network.gateway)
    return used


def _free_addresses(subnet: IpNetwork, used: set[IpAddress], network: Network) -> Iterator[IpAddress]:
    """Addresses from the bottom up; the range for strangers is theirs."""
    low, high = network.dhcp.range or (None, None)
    last = int(subnet.broadcast_address) - (1 if subnet.version == 4 else 0)
    for number in count(int(subnet.network_address) + 1):
        if number > last:
            return
        address = ip_address(number) if subnet.version == 4 else IPv6Address(number)
        ranged = (
            low is not None and high is not None and int(low) <= number <= int(high) and subnet.version == 4
        )
        if address not in used and not ranged:
            yield address


def _set_gateways(lab: Lab, result: Allocation) -> None:
    """What guests route to: the host in nat and routed, an address, or a VM's addresses on this network."""
    for network in lab.networks:
        place = result.networks[network.name]
        gateways: tuple[IpAddress | None, ...] = ()
        if isinstance(network.gateway, IPv4Address | IPv6Address):
            gateways = (network.gateway,)
        elif isinstance(network.gateway, str):
            vm = next((each for each in lab.vms if each.name == network.gateway), None)
            spots = (
                [result.nics[vm.name, nic.name] for nic in vm.nics if nic.network == network.name]
                if vm
                else []
            )
            gateways = tuple(
                next(filter(None, (getattr(spot, key) for spot in spots)), None) for key in ("ip", "ip6")
            )
        elif network.gateway is None and network.mode in ("nat", "routed") and allocates(network):
            gateways = (place.host4, place.host6)
        result.networks[network.name] = NetworkPlace(
            place.subnet4,
            place.subnet6,
            place.host4,
            place.host6,
            tuple(each for each in gateways if each),
            place.dhcp,
        )
