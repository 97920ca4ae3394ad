"""Reads `forwards` of a VM: ports of the host that lead to ports of the guest."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from labctl.core.endpoint import MOST, Endpoint, Forward
from labctl.labfile.networks import ATTACHED
from labctl.labfile.placeholders import PLACEHOLDER
from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labctl.core.ip import IpAddress
    from labctl.labfile.context import ReadContext
    from labctl.labfile.instances import Instance
    from labctl.labfile.model import Network, Nic, Vm
    from labctl.labfile.problems import Problems
    from labctl.labfile.vms import InstanceIdentity

__all__ = ["check_forwards", "guest_versions", "parse_forward", "read_forwards"]

_LOOPBACK = ip_address("127.0.0.1")
_TEXT = re.compile(
    r"(?:(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):)?([0-9]+)(?:-([0-9]+))?:([0-9]+)(?:-([0-9]+))?(?:/(tcp|udp))?"
)
_WIDEST = 100  # ports of one range: each has a process of its own
_MOST = 1000  # ports of a lab


class WrongForward(ValueError):
    """A text that is no forward: what is wrong with it, and what to write instead."""

    def __init__(self, summary: str, hint: str = "") -> None:
        super().__init__(summary)
        self.summary, self.hint = summary, hint


def parse_forward(text: str, *, offset: int = 0, entry: int = 0) -> tuple[Forward, ...]:
    """The forwards of `[ADDRESS:]HOST:GUEST[/udp]`, one for each port of a range.

    With an `offset`, the host's ports are higher by that many times the range's width.

    Raises:
        WrongForward: it is none.
    """
    found = _TEXT.fullmatch(text)
    if not found:
        raise WrongForward(f"{text} is no forward", "write HOST:GUEST, as 8080:80 or 127.0.0.1:5353:53/udp")
    ip = _address(found[1] or found[2])
    hosts, guests = _ports(found[3], found[4]), _ports(found[5], found[6])
    if len(hosts) != len(guests):
        summary = f"{len(hosts)} ports of the host can't lead to {len(guests)} of the guest"
        raise WrongForward(summary, "write ranges of one length, as 8000-8010:8000-8010")
    moved = offset * len(hosts)
    if hosts[-1] + moved > MOST:
        raise WrongForward(f"{hosts[-1]} can't count up to {hosts[-1] + moved}, ports end at {MOST}")
    protocol = found[7] or "tcp"
    pairs = zip(hosts, guests, strict=True)
    return tuple(Forward(Endpoint(ip, host + moved), guest, protocol, entry) for host, guest in pairs)


def _address(text: str | None) -> IpAddress:
    if not text:
        return _LOOPBACK
    try:
        ip = ip_address(text)
    except ValueError:
        raise WrongForward(f"{text} is no IP address") from None
    if ip.is_multicast or ip.is_link_local:
        raise WrongForward(f"nothing can listen on {ip}", "write an address of this host, or none")
    return ip


def _ports(first: str, last: str | None) -> range:
    low, high = int(first), int(last or first)
    if not 0 < low <= MOST or not 0 < high <= MOST:
        raise WrongForward(f"ports are from 1 to {MOST}")
    if high < low:
        raise WrongForward(f"the range {low}-{high} ends before it begins")
    if high - low >= _WIDEST:
        raise WrongForward(f"{low}-{high} are {high - low + 1} ports", f"a range has at most {_WIDEST}")
    return range(low, high + 1)


def read_forwards(context: ReadContext, tree: Map, identity: InstanceIdentity) -> tuple[Forward, ...]:
    """Read the list; those that the instance itself states do not count upward."""
    listed: Seq = tree.get("forwards") or Seq(tree.mark)
    moving = len(listed) - identity.literal_forwards
    found: list[Forward] = []
    for index, text in enumerate(listed):
        if PLACEHOLDER in text:
            continue
        try:
            offset = identity.position if index < moving else 0
            found += parse_forward(text, offset=offset, entry=index)
        except WrongForward as error:
            context.problems.at(listed, index, error.summary, error.hint)
    return tuple(found)


def check_forwards(
    nets: Sequence[Network], vms: Sequence[Vm], instances: Sequence[Instance], problems: Problems
) -> None:
    """Report ports that are forwarded twice, VMs that the host does not reach, and too many forwards.

    `vms` and `instances` are in the same order.
    """
    known = {net.name: net for net in nets}
    taken: dict[tuple[int, int, str], list[tuple[IpAddress, str]]] = {}
    total = 0
    for vm, instance in zip(vms, instances, strict=True):
        if not vm.forwards:
            continue
        problems.repeated = instance.identity.repeated
        total += len(vm.forwards)
        _collisions(vm, instance.tree["forwards"], taken, problems)
        if not _reached(vm, known):
            summary = "the host is on none of its networks, so nothing can be forwarded to it"
            hint = "give it a NIC on a network of mode nat or isolated, where the host has an address"
            problems.at_key(instance.tree, "forwards", summary, hint)
    problems.repeated = False
    if total > _MOST:
        first = next(each.tree for vm, each in zip(vms, instances, strict=True) if vm.forwards)
        problems.at_key(first, "forwards", f"{total} ports are forwarded in all", f"{_MOST} at most")


def _collisions(
    vm: Vm, listed: Any, taken: dict[tuple[int, int, str], list[tuple[IpAddress, str]]], problems: Problems
) -> None:
    told: set[int] = set()
    for each in vm.forwards:
        ip, port = each.listens.ip, each.listens.port
        others = taken.setdefault((ip.version, port, each.protocol), [])
        clash = next((other for other in others if _overlap(ip, other[0])), None)
        if clash and each.entry not in told:
            told.add(each.entry)
            written = f"{each.listens}{'/udp' if each.protocol == 'udp' else ''}"
            summary = f"{written} can't lead to {vm.name}, it leads to {clash[1]} already"
            problems.at(listed, each.entry, summary, "forward another port of the host")
        others.append((ip, vm.name))


def _overlap(one: IpAddress, other: IpAddress) -> bool:
    return one == other or one.is_unspecified or other.is_unspecified


def _reached(vm: Vm, known: Mapping[str, Network]) -> bool:
    if any(nic.network not in known for nic in vm.nics):
        return True  # the network is wrong, and reported
    return any(guest_versions(nic, known[nic.network]) for nic in vm.nics)


def guest_versions(nic: Nic, net: Network) -> tuple[int, ...]:
    """The IP versions by which the host reaches a NIC at an address that labctl gives."""
    if net.external or net.mode in ATTACHED or net.host is False:
        return ()
    hosts = net.host  # None: it is on each subnet
    able = [
        (4, IPv4Address, net.subnet is not False and nic.ip is not False),
        (6, IPv6Address, bool(net.ipv6) and nic.ip6 is not False),
    ]
    return tuple(
        version
        for version, kind, has in able
        if has and (hosts is None or any(isinstance(each, kind) for each in hosts))
    )
