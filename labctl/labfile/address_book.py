"""Checks the addresses of each network: they are in its subnet and unique, and subnets don't overlap."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from labctl.core.record import field, record
from labctl.labfile.networks import ATTACHED, IPV6_MTU
from labctl.labfile.placeholders import PLACEHOLDER
from labctl.labfile.problems import Problems, did_you_mean
from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from labctl.labfile.model import Network, Nic, Route, Vm

__all__ = ["AddressBook", "check_overlaps"]

_FIELDS = {4: "subnet", 6: "ipv6"}
_GATEWAY, _HOST = "the gateway's", "the host's"
_NO_GUESTS = frozenset({_HOST, "reserved"})
_MTU = 1500  # that of a bridge without `mtu`


@record(frozen=False)
class AddressBook:
    """The addresses of one network, and the owner of each, in words for messages."""

    net: Network
    tree: Map
    problems: Problems
    owners: dict[Any, str] = field(default_factory=dict)
    _automatic: int = 0  # NICs that labctl is to give an IPv4 address

    def enter_network(self) -> None:
        """Enter the addresses of the host, the gateway and `reserve`. Those outside of the subnet are reported."""
        net, tree = self.net, self.tree
        host = tree.get("host")
        for index, address in enumerate(net.host or ()):
            place = (host, index) if isinstance(host, Seq) else (tree, "host")
            if self._inside(address, *place):
                self.owners[address] = _HOST
        if not net.host and net.host is not False and net.mode not in ATTACHED:
            for subnet in self._subnets():
                self.owners[subnet[1]] = _HOST
        if net.gateway and not isinstance(net.gateway, str) and self._inside(net.gateway, tree, "gateway"):
            self.owners.setdefault(net.gateway, _GATEWAY)
        for index, address in enumerate(net.reserve):
            if len(net.reserve) == len(tree["reserve"]) and self._inside(address, tree["reserve"], index):
                self.owners.setdefault(address, "reserved")
        self._range()
        self._routes(tree, net.routes, [each for each, whose in self.owners.items() if whose == _HOST])

    def _subnets(self) -> list[Any]:
        return [each for each in (self.net.subnet, self.net.ipv6) if each and not isinstance(each, bool)]

    def _range(self) -> None:
        limits = self.net.dhcp.range
        if not limits or isinstance(self.tree["dhcp"], bool):
            return
        dhcp, subnet = self.tree["dhcp"], self.net.subnet
        if subnet is None and "subnet" not in self.tree.marks:
            hint = "write the network's subnet down too"
            self.problems.at(dhcp, "range", "a range needs a subnet that is written down", hint)
        elif subnet and not all(self._usable(each, subnet) for each in limits):
            self.problems.at(dhcp, "range", f"the range {limits[0]} - {limits[1]} is not within {subnet}")
        elif taken := [
            each for each in self.owners.items() if each[1] in _NO_GUESTS and _within(each[0], limits)
        ]:
            self.problems.at(dhcp, "range", f"the range holds {taken[0][0]}, which is {taken[0][1]}")

    def _routes(self, holder: Map, routes: Sequence[Route], own: Collection[Any]) -> None:
        """Report routes whose next hop is not on this network: libvirt and guests refuse them."""
        written = holder.get("routes") or ()
        if self.net.external or len(written) != len(routes):  # a wrong route has been reported
            return
        for entry, route in zip(written, routes, strict=True):
            known = self.net.mode not in ATTACHED or _FIELDS[route.via.version] in self.tree
            if route.via in own:
                self.problems.at(entry, "via", f"{route.via} is its own address", "name the next hop")
            elif known and not route.via.is_link_local:
                self._inside(route.via, entry, "via")

    def _usable(self, address: Any, subnet: Any) -> bool:
        return address in subnet and address not in {subnet.network_address, subnet.broadcast_address}

    def _inside(self, address: Any, holder: Map | Seq, key: Any) -> bool:
        """Whether an address can be used on this network. If not, that is reported."""
        field_ = _FIELDS[address.version]
        subnet = self.net.subnet if field_ == "subnet" else self.net.ipv6
        if subnet is False and field_ in self.tree.marks and self.tree.get(field_) is not False:
            return False  # the subnet itself is wrong, which has been reported
        name = self.net.name
        if subnet is False:
            self.problems.at(holder, key, f"{name} has no IPv{address.version}", f"write {field_}")
        elif subnet is None or subnet is True:
            if field_ not in self.tree.marks or subnet is True:
                hint = f"write {field_} of {name}, so that it stays what it is"
                self.problems.at(holder, key, f"{address} needs a subnet that is written down", hint)
        elif address not in subnet:
            self.problems.at(holder, key, f"{address} is outside {subnet}, the subnet of {name}")
        elif address == subnet.network_address:
            self.problems.at(holder, key, f"{address} is the network's own address")
        elif address == subnet.broadcast_address and address.version == 4:
            self.problems.at(holder, key, f"{address} is the broadcast address of {subnet}")
        else:
            return True
        return False

    def enter_nic(self, vm: Vm, nic: Nic, place: tuple[Map | Seq, Any]) -> None:
        """Enter a NIC's addresses. `place` is the list and the index of its entry in the VM's `networks`."""
        holder, key = place
        entry = holder[key]
        if isinstance(entry, Map):
            self._routes(entry, nic.routes, (nic.ip, nic.ip6))
            self._mtu(nic, entry)
        for name in ("ip", "ip6"):
            address = getattr(nic, name)
            if address is None and name == "ip" and not (isinstance(entry, Map) and "ip" in entry):
                self._automatic += 1
            if not address:
                continue
            if self.net.external:
                hint = "labctl does not know its subnet; leave the address out"
                self.problems.at(entry, name, f"{address} can't be given on an external network", hint)
                continue
            if not self._inside(address, entry, name):
                continue
            owner = self.owners.get(address, _GATEWAY)
            if owner != _GATEWAY:  # the first VM with the gateway's address is the gateway
                self.problems.at(entry, name, f"{address} is {owner} already")
                continue
            self.owners[address] = f"that of {vm.name}"
            if name == "ip" and vm.cloud_init is False and not self._has_dhcp():
                summary = f"nothing brings {address} to the guest"
                hint = "it has no seed and the network no DHCP"
                self.problems.at(entry, name, summary, hint, severity="warning")

    def _mtu(self, nic: Nic, entry: Map) -> None:
        """Report an MTU larger than the network's. The MTU of networks that libvirt doesn't make is unknown."""
        if nic.mtu is None:
            return
        net = self.net
        largest = net.mtu or _MTU
        if nic.mtu > largest and not net.external and net.mode not in ATTACHED:
            has = f"the MTU of {net.name}" if net.mtu else f"which {net.name} has as long as it has no `mtu`"
            hint = f"write mtu: {nic.mtu} on the network too, or {largest} at most here"
            self.problems.at(entry, "mtu", f"{nic.mtu} is more than {largest}, {has}", hint)
        elif nic.mtu < IPV6_MTU and net.ipv6 and nic.ip6 is not False:
            self.problems.at(entry, "mtu", f"IPv6 needs {IPV6_MTU} bytes", f"write {IPV6_MTU}, or ip6: false")

    def _has_dhcp(self) -> bool:
        net = self.net
        without = net.mode in ATTACHED or net.host is False or net.subnet is False
        return not without and net.dhcp.enabled is not False

    def check_capacity(self, networks: Map) -> None:
        """Report a subnet with fewer addresses than NICs."""
        subnet = self.net.subnet
        if not subnet or self.net.mode in ATTACHED:
            return
        inside = [each for each in self.owners if each.version == 4]
        taken = len(inside)
        limits = self.net.dhcp.range
        if limits and all(
            each in subnet for each in limits
        ):  # the range is for guests that are not in the Labfile
            first, last = map(int, limits)
            taken += last - first + 1 - sum(_within(each, limits) for each in inside)
        room = subnet.num_addresses - 2 - taken
        if self._automatic > room:
            left = f"{max(room, 0)} address{'es' * (room != 1)}"
            summary = f"{subnet} has {left} left for {self._automatic} NICs"
            self.problems.at(networks[self.net.name], "subnet", summary, "write a larger subnet")

    def check_gateway(self, vms: Sequence[Vm], bases: Iterable[str]) -> None:
        """Report a gateway within the DHCP range, and a gateway VM that does not exist or has no address here."""
        name = self.net.gateway
        limits = self.net.dhcp.range
        if limits and self.owners.get(name) == _GATEWAY and _within(name, limits):
            self.problems.at(self.tree["dhcp"], "range", f"the range holds {name}, which is the gateway's")
        if not isinstance(name, str) or PLACEHOLDER in name:
            return
        vm = next((each for each in vms if each.name == name), None)
        if vm is None:
            counted = name in bases
            hint = (
                f"name one instance, as {name}-1"
                if counted
                else partial(did_you_mean, name, [each.name for each in vms])
            )
            summary = f"{name} is several VMs" if counted else f"there is no VM {name}"
            self.problems.at(self.tree, "gateway", summary, hint)
            return
        nics = [nic for nic in vm.nics if nic.network == self.net.name]
        if not nics:
            summary = f"the VM {name} is not on this network"
            self.problems.at(self.tree, "gateway", summary, "add it to its networks")
        elif not any(map(self._addressed, nics)):
            summary = f"the VM {name} has no address on this network"
            self.problems.at(self.tree, "gateway", summary, "give its NIC one")

    def _addressed(self, nic: Nic) -> bool:
        given = self.net.mode not in ATTACHED
        pairs = ((nic.ip, self.net.subnet), (nic.ip6, self.net.ipv6))
        return any(subnet is not False and (ip or (ip is None and given)) for ip, subnet in pairs)


def _within(address: Any, limits: tuple[Any, Any]) -> bool:
    return bool(address.version == limits[0].version and limits[0] <= address <= limits[1])


def check_overlaps(nets: Sequence[Network], tree: Map, problems: Problems) -> None:
    """Report subnets that overlap, unless the host has no address on either network."""
    for key in ("subnet", "ipv6"):
        written = [(getattr(net, key), net) for net in nets if not isinstance(getattr(net, key), bool | None)]
        written.sort(key=lambda pair: (pair[0].network_address, pair[0].prefixlen))
        widest: list[tuple[Any, Network]] = []
        for subnet, net in written:
            widest = [each for each in widest if each[0].broadcast_address >= subnet.network_address]
            for other, owner in widest:
                if net.host is not False or owner.host is not False:
                    later, earlier = sorted((net, owner), key=nets.index, reverse=True)
                    summary = f"{getattr(later, key)} overlaps {getattr(earlier, key)}, the subnet of {earlier.name}"
                    problems.at(tree[later.name], key, summary, "only networks with host: false may overlap")
                    break
                del other
            widest.append((subnet, net))
