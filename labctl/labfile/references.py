"""Checks references such as `${vms.db.back.ip}`: their objects exist, labctl knows the values, and there is no cycle.

Values that depend on others make a graph. An address that the Labfile states depends on the references in it. An
address that labctl gives depends on everything that decides the addresses of its network. Without a cycle, it is enough
to fill in the known values and to allocate again, in as many rounds as the longest chain has links (docs/adr/0015).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from labctl.core.record import record
from labctl.labfile.networks import ATTACHED, has_gateway
from labctl.labfile.placeholders import PATTERN, is_reference
from labctl.labfile.problems import Problems, did_you_mean
from labctl.labfile.yaml_tree import Map, Seq, entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labctl.labfile.instances import Instance
    from labctl.labfile.interpolate import Reference
    from labctl.labfile.model import Network, Vm
    from labctl.labfile.problems import Hint

__all__ = ["Prerequisites", "ReferenceTargets", "check_references"]

Prerequisites = Mapping[str, frozenset[str]]
# In the graph, `networks.NET.given.ip` stands for all addresses that labctl gives on a network. It can't be written as
# a reference.
_GIVEN = "given"


@record
class Link:
    """An edge of the graph: a value that another value depends on.

    `holder` and `key` are the entry of the Labfile with the reference; without them the edge follows from allocation.
    """

    name: str
    holder: Map | Seq | None = None
    key: Any = None


@record
class ReferenceTargets:
    """The networks and NICs that references may name; `tree` is the Labfile's `networks`."""

    nets: Mapping[str, Network]
    tree: Map
    vms: Mapping[str, Vm]
    entries: Mapping[tuple[str, str], Map | str]  # (VM, NIC) → its entry in the VM's `networks`

    @cached_property
    def subnets(self) -> tuple[Link, ...]:
        """All subnets that the Labfile states."""
        return tuple(Link(f"networks.{name}.subnet") for name in self.tree if "subnet" in self.tree[name])

    @classmethod
    def of(
        cls, nets: Sequence[Network], tree: Map, vms: Sequence[Vm], instances: Sequence[Instance]
    ) -> ReferenceTargets:
        """Collect the networks and NICs of a Labfile. `vms` and `instances` are in the same order."""
        found = {}
        for vm, instance in zip(vms, instances, strict=True):
            for entry in instance.tree.get("networks") or ():
                nic = entry.get("nic", entry["name"]) if isinstance(entry, Map) else entry
                found[vm.name, nic] = entry
        return cls({net.name: net for net in nets}, tree, {vm.name: vm for vm in vms}, found)


def check_references(
    references: Sequence[Reference], targets: ReferenceTargets, problems: Problems
) -> Prerequisites:
    """Report references to unknown objects, to values that labctl can't know, and in cycles.

    Gives for each reference the others that have to be filled in before its value is known.
    """
    if not references:
        return {}
    bases = {vm.base for vm in targets.vms.values()}
    for reference in references:
        if problems.reported(reference.holder, reference.key, f"${{{reference.name}}}"):
            continue
        first, *rest = reference.name.split(".")
        if first == "networks":
            summary, hint = _of_network(rest[0], rest[1], targets.nets)
        elif rest[0] not in targets.vms:
            counted = rest[0] in bases
            summary = f"{rest[0]} is several VMs" if counted else f"there is no VM {rest[0]}"
            hint = (
                f"name one instance, as {rest[0]}-1"
                if counted
                else partial(did_you_mean, rest[0], targets.vms)
            )
        else:
            summary, hint = _of_nic(targets, rest[0], rest[1], rest[2])
        if summary:
            problems.at(reference.holder, reference.key, f"${{{reference.name}}}: {summary}", hint)
    return _followed(dict.fromkeys(reference.name for reference in references), targets, problems)


def _of_network(name: str, what: str, nets: Mapping[str, Network]) -> tuple[str, Hint]:
    net = nets.get(name)
    if net is None:
        return f"there is no network {name}", partial(did_you_mean, name, nets)
    if net.external or net.mode in ATTACHED:
        return (
            "its addresses are not labctl's to know",
            f"{name} is {'external' if net.external else net.mode}",
        )
    if net.subnet is False and not net.ipv6:
        return f"{name} has no addresses", ""
    if what == "host" and net.host is False:
        return f"the host has no address on {name}", ""
    if what == "gateway" and not has_gateway(net):
        return f"{name} has no gateway", ""
    return "", ""


def _of_nic(targets: ReferenceTargets, vm: str, name: str, what: str) -> tuple[str, Hint]:
    nic = next((each for each in targets.vms[vm].nics if each.name == name), None)
    if nic is None:
        nics = (each.name for each in targets.vms[vm].nics)
        return f"{vm} has no NIC {name}", partial(did_you_mean, name, nics)
    net = targets.nets.get(nic.network)
    if what == "mac" or net is None:
        return "", ""
    entry = targets.entries[vm, name]
    stated = bool(entry.get(what)) if isinstance(entry, Map) else False
    if net.external or (net.mode in ATTACHED and not stated):
        return "labctl can't know this address", f"{net.name} is {'external' if net.external else net.mode}"
    given, family = (nic.ip, net.subnet) if what == "ip" else (nic.ip6, net.ipv6)
    if given is False or (family is False and not stated):
        return f"this NIC has no {'IPv4' if what == 'ip' else 'IPv6'} address", ""
    return "", ""


def _followed(names: Iterable[str], targets: ReferenceTargets, problems: Problems) -> Prerequisites:
    """Follow the graph from these references, and give all references that each of them depends on.

    A cycle is reported once, at one of the references in it.
    """
    found: dict[str, frozenset[str]] = {}
    reported: set[frozenset[str]] = set()
    links: dict[str, list[Link]] = {}
    for start in names:
        trail: dict[str, Link] = {}
        ahead = [Link(start)]
        while ahead:
            at = ahead[-1]
            trail[at.name] = at
            if at.name not in links:
                links[at.name] = list(_links(targets, at.name))
            following = next((each for each in links[at.name] if each.name not in found), None)
            if following is None:
                found.setdefault(at.name, _prerequisites(links[at.name], found))
                ahead.pop()
                trail.pop(at.name)
            elif following.name in trail:
                cycle = [*list(trail.values())[list(trail).index(following.name) + 1 :], following]
                found[following.name] = frozenset()  # stops the search here; the cycle is reported
                if (members := frozenset(each.name for each in cycle)) not in reported:
                    reported.add(members)
                    _report_cycle(cycle, problems)
            else:
                ahead.append(following)
    return {name: found[name] for name in names}


def _prerequisites(links: list[Link], known: Prerequisites) -> frozenset[str]:
    """The references among these links, and all that these depend on."""
    return frozenset(each.name for each in links if each.holder is not None).union(
        *(known[each.name] for each in links)
    )


def _report_cycle(cycle: list[Link], problems: Problems) -> None:
    """Report a cycle at its first reference."""
    first = next((index for index, each in enumerate(cycle) if each.holder is not None), 0)
    around = [each.name for each in (*cycle[first:], *cycle[:first])]
    shown = [name for name in around if f".{_GIVEN}." not in name]
    summary = f"this follows from itself: {' → '.join([*shown, shown[0]])}"
    holder = cycle[first].holder
    if holder is not None:
        problems.at(holder, cycle[first].key, summary, "write one of them down")


def _links(targets: ReferenceTargets, name: str) -> Iterator[Link]:
    """Give the values that a value depends on."""
    first, owner, *rest = name.split(".")
    if first == "networks" and owner in targets.tree:
        yield from _network_links(targets, owner, *rest)
    elif first == "vms" and (owner, rest[0]) in targets.entries:
        yield from _nic_links(targets.entries[owner, rest[0]], rest[1])


def _network_links(targets: ReferenceTargets, name: str, what: str, family: str = "") -> Iterator[Link]:
    fields = targets.tree[name]
    if what == "subnet":
        yield from _references_in(fields, "subnet", "ipv6")
        if "subnet" not in fields:  # labctl chooses one that overlaps no stated subnet
            yield from targets.subnets
    elif what == "host":
        yield from _references_in(fields, "host")
        yield Link(f"networks.{name}.subnet")
    elif what == "gateway":
        yield from _references_in(fields, "gateway")
        yield Link(f"networks.{name}.host")
        gateway = targets.vms.get(str(targets.nets[name].gateway))
        for nic in gateway.nics if gateway else ():
            if nic.network == name:
                yield from (Link(f"vms.{gateway.name}.{nic.name}.{each}") for each in ("ip", "ip6"))  # type: ignore[union-attr]
    elif what == _GIVEN:
        yield Link(f"networks.{name}.host")
        yield from _references_in(fields, "gateway", "reserve", "dhcp")
        for entry in targets.entries.values():
            if isinstance(entry, Map) and entry["name"] == name:
                yield from _references_in(entry, family, "mac")


def _nic_links(entry: Map | str, what: str) -> Iterator[Link]:
    if isinstance(entry, Map) and what in entry:
        yield from _references_in(entry, what)
    elif what != "mac":
        network = entry["name"] if isinstance(entry, Map) else entry
        yield Link(f"networks.{network}.{_GIVEN}.{what}")


def _references_in(fields: Map, *keys: str) -> Iterator[Link]:
    """Give the references in these fields. In `dhcp` only `range` counts: the other fields decide no address."""
    for key in keys:
        value = fields.get(key)
        if key == "dhcp" and isinstance(value, Map):
            yield from _references_in(value, "range")
        elif isinstance(value, str):
            yield from (Link(name, fields, key) for name in PATTERN.findall(value) if is_reference(name))
        elif isinstance(value, Seq):
            for index, each in entries(value):
                found = PATTERN.findall(each) if isinstance(each, str) else ()
                yield from (Link(name, value, index) for name in found if is_reference(name))
