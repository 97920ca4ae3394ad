"""Judges the lab as a whole: what no field can say by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.labfile.addresses import Book, check_overlaps
from labctl.labfile.networks import ATTACHED
from labctl.labfile.problems import Problems, nearest
from labctl.labfile.tree import Map

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labctl.labfile.instances import Instance
    from labctl.labfile.interpolate import Reference
    from labctl.labfile.model import Network, Vm
    from labctl.labfile.tree import Seq

__all__ = ["check_addresses", "check_references"]


def check_addresses(
    nets: Sequence[Network], tree: Map, vms: Sequence[Vm], instances: Sequence[Instance], problems: Problems
) -> None:
    """Report addresses, MACs and subnets that can't be together. `tree` is the Labfile's `networks`."""
    books = {net.name: Book(net, tree[net.name], problems) for net in nets}
    for book in books.values():
        book.enter_own()
    macs: dict[str, str] = {}
    for vm, instance in zip(vms, instances, strict=True):
        listed = instance.tree.get("networks")
        if not listed:
            continue
        problems.echo = instance.who.repeated
        names = [entry.get("nic", entry["name"]) if isinstance(entry, Map) else entry for entry in listed]
        for nic in vm.nics:
            index = names.index(nic.name)
            if nic.network in books:
                books[nic.network].enter(vm, nic, (listed, index))
            if nic.mac and macs.setdefault(nic.mac, vm.name) != vm.name:
                problems.at(listed[index], "mac", f"{nic.mac} is the MAC address of {macs[nic.mac]} already")
        _own_macs(vm, instance, names, problems)
        _default_routes(vm, listed, names, books, problems)
    problems.echo = False
    for book in books.values():
        book.check_gateway(vms, {vm.base for vm in vms})
        book.check_room(tree)
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


def check_references(
    references: Iterable[Reference], nets: Mapping[str, Network], vms: Mapping[str, Vm], problems: Problems
) -> None:
    """Report references to what does not exist, or whose value labctl can't know."""
    bases = {vm.base for vm in vms.values()}
    for reference in references:
        if problems.has(reference.holder, reference.key, f"${{{reference.name}}}"):
            continue
        first, *rest = reference.name.split(".")
        if first == "networks":
            summary, hint = _of_network(rest[0], rest[1], nets)
        elif rest[0] not in vms:
            counted = rest[0] in bases
            summary = f"{rest[0]} is several VMs" if counted else f"there is no VM {rest[0]}"
            hint = f"name one instance, as {rest[0]}-1" if counted else nearest(rest[0], vms)
        else:
            summary, hint = _of_nic(vms[rest[0]], rest[1], rest[2], nets)
        if summary:
            problems.at(reference.holder, reference.key, f"${{{reference.name}}}: {summary}", hint)


def _of_network(name: str, what: str, nets: Mapping[str, Network]) -> tuple[str, str]:
    net = nets.get(name)
    if net is None:
        return f"there is no network {name}", nearest(name, nets)
    if net.external or net.mode in ATTACHED:
        return (
            "its addresses are not labctl's to know",
            f"{name} is {'external' if net.external else net.mode}",
        )
    if net.subnet is False and not net.ipv6:
        return f"{name} has no addresses", ""
    if what == "host" and net.host is False:
        return f"the host has no address on {name}", ""
    if what == "gateway" and not _has_gateway(net):
        return f"{name} has no gateway", ""
    return "", ""


def _has_gateway(net: Network) -> bool:
    """Whether guests get a default route there; what attaches to the host's own network may have one by DHCP."""
    if net.gateway is None:
        return net.mode in {"nat", "routed"}
    return net.gateway is not False


def _default_routes(
    vm: Vm, listed: Seq, names: list[str], nets: Mapping[str, Book], problems: Problems
) -> None:
    """Report a default route that is asked of two NICs, or of one whose network has no gateway."""
    asked = [nic for nic in vm.nics if nic.default_route]
    for nic in asked:
        entry = listed[names.index(nic.name)]
        book = nets.get(nic.network)
        if nic is not asked[0]:
            summary = f"the default route leads through {asked[0].name} already"
            problems.at(entry, "default_route", summary, "one NIC of a VM has it")
        elif book and not (book.net.external or book.net.mode in ATTACHED or _has_gateway(book.net)):
            problems.at(entry, "default_route", f"{nic.network} has no gateway", "write its gateway")


def _of_nic(vm: Vm, name: str, what: str, nets: Mapping[str, Network]) -> tuple[str, str]:
    nic = next((each for each in vm.nics if each.name == name), None)
    if nic is None:
        return f"{vm.name} has no NIC {name}", nearest(name, [each.name for each in vm.nics])
    net = nets.get(nic.network)
    if what == "mac" or net is None:
        return "", ""
    if net.external or (net.mode in ATTACHED and not getattr(nic, what)):
        return "labctl can't know this address", f"{net.name} is {'external' if net.external else net.mode}"
    given, family = (nic.ip, net.subnet) if what == "ip" else (nic.ip6, net.ipv6)
    if given is False or family is False:
        return f"this NIC has no {'IPv4' if what == 'ip' else 'IPv6'} address", ""
    return "", ""
