"""Checks addresses, MAC addresses, bridges and default routes across all VMs and networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.labfile.address_book import AddressBook, check_overlaps
from labctl.labfile.networks import ATTACHED, has_gateway
from labctl.labfile.yaml_tree import Map

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labctl.labfile.instances import Instance
    from labctl.labfile.model import Network, Vm
    from labctl.labfile.problems import Problems
    from labctl.labfile.yaml_tree import Seq

__all__ = ["check_addresses"]


def check_addresses(
    nets: Sequence[Network], tree: Map, vms: Sequence[Vm], instances: Sequence[Instance], problems: Problems
) -> None:
    """Report addresses, MACs, bridges and subnets that are used twice, and wrong gateways and default routes.

    `tree` is the Labfile's `networks`; `vms` and `instances` are in the same order.
    """
    books = {net.name: AddressBook(net, tree[net.name], problems) for net in nets}
    for book in books.values():
        book.enter_network()
    macs: dict[str, str] = {}
    for vm, instance in zip(vms, instances, strict=True):
        listed = instance.tree.get("networks")
        if not listed:
            continue
        problems.repeated = instance.identity.repeated
        names = [entry.get("nic", entry["name"]) if isinstance(entry, Map) else entry for entry in listed]
        for nic in vm.nics:
            index = names.index(nic.name)
            if nic.network in books:
                books[nic.network].enter_nic(vm, nic, (listed, index))
            if nic.mac and macs.setdefault(nic.mac, vm.name) != vm.name:
                problems.at(listed[index], "mac", f"{nic.mac} is the MAC address of {macs[nic.mac]} already")
        _own_macs(vm, instance, names, problems)
        _default_routes(vm, listed, names, books, problems)
    problems.repeated = False
    for book in books.values():
        book.check_gateway(vms, {vm.base for vm in vms})
        book.check_capacity(tree)
    check_overlaps(nets, tree, problems)
    _bridges(nets, tree, problems)


def _own_macs(vm: Vm, instance: Instance, names: list[str], problems: Problems) -> None:
    """Report two NICs of one VM with the same MAC."""
    seen: dict[str, str] = {}
    for nic in vm.nics:
        if nic.mac and nic.mac in seen:
            entry = instance.tree["networks"][names.index(nic.name)]
            problems.at(entry, "mac", f"{nic.mac} is the MAC address of the NIC {seen[nic.mac]} already")
        elif nic.mac:
            seen[nic.mac] = nic.name


def _bridges(nets: Iterable[Network], tree: Map, problems: Problems) -> None:
    owners: dict[str, str] = {}
    for net in nets:
        if net.bridge and net.mode not in ATTACHED and owners.setdefault(net.bridge, net.name) != net.name:
            problems.at(
                tree[net.name], "bridge", f"{net.bridge} is the bridge of {owners[net.bridge]} already"
            )


def _default_routes(
    vm: Vm, listed: Seq, names: list[str], nets: Mapping[str, AddressBook], problems: Problems
) -> None:
    """Report a default route through two NICs of a VM, or through a network without a gateway."""
    asked = [nic for nic in vm.nics if nic.default_route]
    for nic in asked:
        entry = listed[names.index(nic.name)]
        book = nets.get(nic.network)
        if nic is not asked[0]:
            summary = f"the default route leads through {asked[0].name} already"
            problems.at(entry, "default_route", summary, "one NIC of a VM has it")
        elif book and not (book.net.external or book.net.mode in ATTACHED or has_gateway(book.net)):
            problems.at(entry, "default_route", f"{nic.network} has no gateway", "write its gateway")
