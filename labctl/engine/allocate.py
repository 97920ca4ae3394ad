"""Allocates a subnet to each network, and a MAC and addresses to each NIC, when a plan is made.

These functions are pure: the same Labfile on the same host gives the same addresses. Addresses that the Labfile states
come first. Existing networks and NICs keep theirs, so that nothing moves when a lab grows. The other NICs get the
lowest free addresses, in the order of the file.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from labctl.core.errors import Problem
from labctl.core.record import replace
from labctl.core.spec import find
from labctl.engine import subnets
from labctl.engine.allocation import Allocation, NetworkAddresses, Occupied, OccupiedSubnets, allocates
from labctl.engine.nics import allocate_nics
from labctl.engine.subnets import OtherSubnets
from labctl.kinds import addresses
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labctl.core.address import Address
    from labctl.core.ip import IpAddress, IpNetwork
    from labctl.core.spec import Spec
    from labctl.labfile.load import Loaded
    from labctl.labfile.model import LabModel, Network


def allocate_with_references(
    loaded: Loaded, existing: Mapping[Address, Spec], occupied: Iterable[Occupied]
) -> tuple[Loaded, Allocation]:
    """Allocate all addresses, and fill the Labfile's references to them in.

    The values of references may depend on other references. So each round fills in the known values and allocates
    again; there are as many rounds as the longest chain has links. The loader refuses cycles (docs/adr/0015).

    Raises:
        Rejected: a text of the Labfile is wrong with a value filled in.
    """
    taken, needs = tuple(occupied), loaded.references
    filled, allocation = loaded, allocate(loaded.lab, existing, taken)
    known: dict[str, str] = {}
    while len(known) < len(needs) and not allocation.problems:
        every = allocation.values()
        values = {name: every[name] for name in needs if needs[name] <= known.keys() and name in every}
        if len(values) == len(known):  # unexpected: the loader has checked that each has a value
            missing = next(name for name in needs if name not in values)
            allocation.problems.append(Problem(f"${{{missing}}} has no value", hint="write it down"))
            break
        filled, known = loaded.with_references(values), values
        allocation = allocate(filled.lab, existing, taken)
    return filled, allocation


def allocate(lab: LabModel, existing: Mapping[Address, Spec], occupied: Iterable[Occupied]) -> Allocation:
    """Allocate everything. `existing` are the lab's existing objects, `occupied` the subnets of all others."""
    result = Allocation()
    others = OtherSubnets(OccupiedSubnets(occupied), OccupiedSubnets(subnets.lab_subnets(lab, existing)))
    for network in lab.networks:
        _allocate_network(lab, network, existing, others, result)
        network_addresses = result.networks[network.name]
        shared = network.host is False  # the host has no route to it, so its subnet may be used again
        for subnet in () if shared else (network_addresses.subnet4, network_addresses.subnet6):
            if subnet:
                others.lab.add(Occupied(subnet, subnets.owner(network)))
    allocate_nics(lab, existing, result)
    _set_gateways(lab, result)
    return result


def _allocate_network(
    lab: LabModel,
    network: Network,
    existing: Mapping[Address, Spec],
    others: OtherSubnets,
    result: Allocation,
) -> None:
    before = find(existing, addresses.network(network.name), NetworkSpec)
    subnet4 = (
        subnets.choose_ipv4(lab, network, before, others, result)
        if allocates(network)
        else network.subnet or None
    )
    subnet6 = subnets.choose_ipv6(lab, network, before, others, result)
    hosts: tuple[IpAddress, ...] = ()
    if allocates(network) and network.host is not False:
        hosts = network.host or tuple(_first(subnet) for subnet in (subnet4, subnet6) if subnet)
    host4 = next((each for each in hosts if isinstance(each, IPv4Address)), None)
    host6 = next((each for each in hosts if isinstance(each, IPv6Address)), None)
    dhcp = network.dhcp.enabled is not False and bool(hosts)
    result.networks[network.name] = NetworkAddresses(subnet4, subnet6, host4, host6, (), dhcp)


def _first(subnet: IpNetwork) -> IpAddress:
    return ip_address(int(subnet.network_address) + 1)


def _set_gateways(lab: LabModel, result: Allocation) -> None:
    """Set the gateways of each network: the stated address, the addresses of the stated VM, or else the host's."""
    for network in lab.networks:
        network_addresses = result.networks[network.name]
        gateways: tuple[IpAddress | None, ...] = ()
        if isinstance(network.gateway, IPv4Address | IPv6Address):
            gateways = (network.gateway,)
        elif isinstance(network.gateway, str):
            vm = next((each for each in lab.vms if each.name == network.gateway), None)
            all_addresses = (
                [result.nics[vm.name, nic.name] for nic in vm.nics if nic.network == network.name]
                if vm
                else []
            )
            gateways = tuple(
                next(filter(None, (getattr(nic_addresses, key) for nic_addresses in all_addresses)), None)
                for key in ("ip", "ip6")
            )
        elif network.gateway is None and network.mode in ("nat", "routed") and allocates(network):
            gateways = (network_addresses.host4, network_addresses.host6)
        result.networks[network.name] = replace(
            network_addresses, gateways=tuple(each for each in gateways if each)
        )
