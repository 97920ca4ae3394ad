"""Give every network its subnet and every NIC its MAC and addresses, at plan time.

Pure: the same Labfile on the same host gives the same answer. What exists keeps what it has, so that a lab that grows
moves nothing; then come the addresses that the Labfile states; the rest gets the lowest free ones in file order.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from labctl.core.errors import Problem
from labctl.core.record import replace
from labctl.core.spec import find
from labctl.engine import subnets
from labctl.engine.allocation import Allocation, NetworkAddresses, Occupied, Taken, allocates
from labctl.engine.nics import place_nics
from labctl.engine.subnets import Others
from labctl.kinds import addresses
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labctl.core.address import Address
    from labctl.core.ip import IpAddress, IpNetwork
    from labctl.core.spec import Spec
    from labctl.labfile.load import Loaded
    from labctl.labfile.model import LabModel, Network


def settle(
    loaded: Loaded, existing: Mapping[Address, Spec], occupied: Iterable[Occupied]
) -> tuple[Loaded, Allocation]:
    """Give out all addresses, filling in references round by round, since their values depend on one another.

    That takes as many rounds as the longest chain of references has links; the loader refuses circles (docs/adr/0015).

    Raises:
        Rejected: some text is not right with the values.
    """
    taken, needs = tuple(occupied), loaded.references
    filled, allocation = loaded, allocate(loaded.lab, existing, taken)
    known: dict[str, str] = {}
    while len(known) < len(needs) and not allocation.problems:
        every = allocation.values()
        values = {name: every[name] for name in needs if needs[name] <= known.keys() and name in every}
        if len(values) == len(known):  # the loader has judged that there is a value for each
            missing = next(name for name in needs if name not in values)
            allocation.problems.append(Problem(f"${{{missing}}} has no value", hint="write it down"))
            break
        filled, known = loaded.with_references(values), values
        allocation = allocate(filled.lab, existing, taken)
    return filled, allocation


def allocate(lab: LabModel, existing: Mapping[Address, Spec], occupied: Iterable[Occupied]) -> Allocation:
    """Place everything; `existing` are the lab's own objects, `occupied` the subnets of all others."""
    result = Allocation()
    others = Others(Taken(occupied), Taken(subnets.spoken_for(lab, existing)))
    for network in lab.networks:
        _place_network(lab, network, existing, others, result)
        place = result.networks[network.name]
        shared = network.host is False  # such segments never meet the host's routing
        for subnet in () if shared else (place.subnet4, place.subnet6):
            if subnet:
                others.lab.add(Occupied(subnet, subnets.owner(network)))
    place_nics(lab, existing, result)
    _set_gateways(lab, result)
    return result


def _place_network(
    lab: LabModel, network: Network, existing: Mapping[Address, Spec], others: Others, result: Allocation
) -> None:
    before = find(existing, addresses.network(network.name), NetworkSpec)
    subnet4 = (
        subnets.choose4(lab, network, before, others, result)
        if allocates(network)
        else network.subnet or None
    )
    subnet6 = subnets.choose6(lab, network, before, others, result)
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
    """What guests route to: the host in nat and routed, an address, or a VM's addresses on this network."""
    for network in lab.networks:
        place = result.networks[network.name]
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
            gateways = (place.host4, place.host6)
        result.networks[network.name] = replace(place, gateways=tuple(each for each in gateways if each))
