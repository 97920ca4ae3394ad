"""Composes the specs of networks from the Labfile and the allocation. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.engine import routers
from labctl.engine.allocation import allocates
from labctl.kinds.network.spec import DhcpHost, DnsHost, NetworkSpec

if TYPE_CHECKING:
    from labctl.core.ip import IpAddress, IpNetwork
    from labctl.engine.allocation import Allocation, NetworkAddresses
    from labctl.engine.compose import Site
    from labctl.labfile.model import LabModel, Network, Nic, Vm


def network_spec(lab: LabModel, network: Network, allocation: Allocation, site: Site) -> NetworkSpec:
    """Give the spec of a network that is not `external`."""
    network_addresses = allocation.networks[network.name]
    own = allocates(network)
    members = [(vm, nic) for vm in lab.vms for nic in vm.nics if nic.network == network.name]
    low, high = network.dhcp.range or (None, None)
    rates = network.bandwidth
    return NetworkSpec(
        lab=lab.name,
        name=network.name,
        mode=network.mode,
        bridge=network.bridge or (identity.bridge_name(lab.name, network.name) if own else ""),
        dev=network.dev or "",
        subnet4=str(network_addresses.subnet4 or ""),
        subnet6=str(network_addresses.subnet6 or ""),
        host4=_with_prefix(network_addresses.host4, network_addresses.subnet4),
        host6=_with_prefix(network_addresses.host6, network_addresses.subnet6),
        dhcp_range=f"{low}-{high}" if low and network_addresses.dhcp else "",
        boot_server=network.dhcp.boot_server or "",
        boot_file=network.dhcp.boot_file or "",
        dhcp_hosts=_dhcp_hosts(allocation, network_addresses, members),
        dns=network_addresses.dns or not own,
        dns_hosts=_dns_hosts(network, allocation, members) if network_addresses.dns else (),
        domain=(network.domain or f"{lab.name}.lab") if network_addresses.dns else "",
        forwarders=network.dns_forwarders if network_addresses.dns else (),
        dnsmasq=_router(network, allocation, members) if site.dnsmasq else (),
        routes=tuple(f"{route.to} via {route.via}" for route in network.routes),
        mtu=network.mtu or 0,
        vlan=network.vlan or 0,
        inbound=(rates.inbound if rates else None) or 0,
        outbound=(rates.outbound if rates else None) or 0,
        isolated=network.isolate_guests,
        autostart=any(vm.autostart for vm, _nic in members),
        xml=tuple((edit.at, edit.action, edit.value) for edit in network.xml),
        file=str(lab.path),
        gateways=tuple(map(str, network_addresses.gateways)),
    )


def _with_prefix(host: IpAddress | None, subnet: IpNetwork | None) -> str:
    return f"{host}/{subnet.prefixlen}" if host and subnet else ""


def _router(network: Network, allocation: Allocation, members: list[tuple[Vm, Nic]]) -> tuple[str, ...]:
    macs = [allocation.nics[vm.name, nic.name].mac for vm, nic in members if vm.name == network.gateway]
    return routers.dnsmasq_options(allocation.networks[network.name], network.mode, macs)


def _dhcp_hosts(
    allocation: Allocation, network_addresses: NetworkAddresses, members: list[tuple[Vm, Nic]]
) -> tuple[DhcpHost, ...]:
    hosts = []
    named: dict[int, set[str]] = {4: set(), 6: set()}  # libvirt refuses the same name twice in one IP version
    for vm, nic in members if network_addresses.dhcp else ():
        nic_addresses = allocation.nics[vm.name, nic.name]
        if nic_addresses.ip and network_addresses.host4:
            hosts.append(
                DhcpHost(nic_addresses.ip, vm.name if vm.name not in named[4] else "", nic_addresses.mac)
            )
            named[4].add(vm.name)
        if nic_addresses.ip6 and network_addresses.host6 and vm.name not in named[6]:
            hosts.append(DhcpHost(nic_addresses.ip6, vm.name))  # DHCPv6 identifies hosts by name here
            named[6].add(vm.name)
    return tuple(sorted(hosts, key=lambda host: host.key))


def _dns_hosts(
    network: Network, allocation: Allocation, members: list[tuple[Vm, Nic]]
) -> tuple[DnsHost, ...]:
    names: dict[IpAddress, list[str]] = {}
    for vm, nic in members:
        for address in allocation.nics[vm.name, nic.name].given:
            names.setdefault(address, []).append(vm.name)
    for name, ip in network.dns_hosts:
        names.setdefault(ip, []).append(name)
    hosts = [DnsHost(ip, tuple(dict.fromkeys(each))) for ip, each in names.items()]
    return tuple(sorted(hosts, key=lambda host: host.key))
