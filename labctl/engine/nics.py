"""Chooses the MAC and the addresses of each NIC: the stated, else the existing, else the lowest free ones."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import count
from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.errors import Problem
from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.engine.allocation import Allocation, NetworkAddresses, NicAddresses, allocates, problem
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labctl.core.address import Address
    from labctl.core.ip import IpAddress, IpNetwork
    from labctl.core.spec import Spec
    from labctl.labfile.model import LabModel, Network, Nic, Vm


def allocate_nics(lab: LabModel, existing: Mapping[Address, Spec], result: Allocation) -> None:
    """Allocate the MACs and addresses of all NICs. `result` has those of the networks already."""
    known = dict(_known_addresses(existing))
    seen = {nic.mac: nic.seen for vm in of_kind(existing.values(), VmSpec) for nic in vm.nics}
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
            result.nics[vm.name, nic.name] = NicAddresses(mac, seen=seen.get(mac, ()))
    for network in lab.networks:
        members = by_network.get(network.name, [])
        network_addresses = result.networks[network.name]
        for version, subnet in ((4, network_addresses.subnet4), (6, network_addresses.subnet6)):
            if subnet is not None:
                left_out = _assign_addresses(network, members, version, known, result)
                if left_out:
                    key = "subnet" if version == 4 else "ipv6"
                    summary = f"{subnet} has no address left for {left_out.name}"
                    result.problems.append(
                        problem(lab, network, key, summary, "give the network a larger subnet")
                    )


def _known_addresses(existing: Mapping[Address, Spec]) -> Iterator[tuple[tuple[str, int], IpAddress]]:
    """The existing addresses, by (MAC, IP version)."""
    for network in of_kind(existing.values(), NetworkSpec):
        for host in network.dhcp_hosts:
            if host.mac:
                yield (host.mac, 4), host.ip
    for vm in of_kind(existing.values(), VmSpec):
        for nic in vm.nics:
            for address in nic.guest.addresses:
                yield (nic.mac, address.version), address.ip


def _assign_addresses(
    network: Network,
    members: list[tuple[Vm, Nic, str]],
    version: int,
    known: Mapping[tuple[str, int], IpAddress],
    result: Allocation,
) -> Vm | None:
    """Assign the addresses of one IP version on one network. Gives the first VM for which none is left, if any."""
    network_addresses = result.networks[network.name]
    subnet: IpNetwork | None = network_addresses.subnet4 if version == 4 else network_addresses.subnet6
    assert subnet is not None  # the caller's condition
    used = _unavailable(network, network_addresses)
    chosen: dict[tuple[str, str], IpAddress] = {}
    asking: list[tuple[Vm, Nic, str]] = []
    for vm, nic, mac in members:
        stated = nic.ip if version == 4 else nic.ip6
        if stated:
            chosen[vm.name, nic.name] = stated
        elif stated is None and allocates(network):
            asking.append((vm, nic, mac))
    used.update(chosen.values())
    for vm, nic, mac in asking:
        kept = known.get((mac, version))
        if kept is not None and kept in subnet and kept not in used:
            chosen[vm.name, nic.name] = kept
            used.add(kept)
    free = _free_addresses(subnet, used, network)
    for vm, nic, _mac in asking:
        if (vm.name, nic.name) not in chosen:
            address = next(free, None)
            if address is None:
                return vm
            chosen[vm.name, nic.name] = address
    family = "ip" if version == 4 else "ip6"
    for key, address in chosen.items():
        result.nics[key] = replace(result.nics[key], **{family: address})
    return None


def _unavailable(network: Network, network_addresses: NetworkAddresses) -> set[IpAddress]:
    used: set[IpAddress] = set(network.reserve)
    used |= {each for each in (network_addresses.host4, network_addresses.host6) if each}
    if isinstance(network.gateway, IPv4Address | IPv6Address):
        used.add(network.gateway)
    return used


def _free_addresses(subnet: IpNetwork, used: set[IpAddress], network: Network) -> Iterator[IpAddress]:
    """The free addresses, lowest first. The DHCP range is left to guests that are not in the Labfile."""
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
