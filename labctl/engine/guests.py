"""Composes the configuration inside guests: seeds, NICs, and the names for their hosts files.

These functions are pure.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from labctl.core import identity
from labctl.core.ip import by_family
from labctl.core.unquoted import Unquoted
from labctl.engine.allocation import allocates
from labctl.guest.nic_config import DEFAULT, NicConfig, Route
from labctl.kinds.seed.spec import SeedNic, SeedSpec, network_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.core.ip import IpAddress
    from labctl.engine.allocation import Allocation
    from labctl.labfile.model import LabModel, Nic, Vm


def seed(lab: LabModel, vm: Vm, allocation: Allocation, secret: bytes, names: HostsFileNames) -> SeedSpec:
    """Give the spec of a VM's seed. `secret` is the key for its digest."""
    config = vm.cloud_init or {}
    hostname = vm.hostname or vm.name
    digest = seed_digest(secret, config, vm.user, hostname)
    nics = [_seed_nic(lab, vm, nic, allocation, names) for nic in vm.nics]
    return SeedSpec(
        lab.name,
        vm.name,
        digest,
        network=network_digest((nic.mac, nic.config) for nic in nics),
        keyed=True,
        instance=identity.object_uuid(lab.name, "seed", f"{vm.name}/{digest}"),
        config=config,
        user=vm.user,
        hostname=hostname,
        nics=tuple(nics),
    )


def _seed_nic(lab: LabModel, vm: Vm, nic: Nic, allocation: Allocation, names: HostsFileNames) -> SeedNic:
    own, network = allocation.nics[vm.name, nic.name], allocation.networks[nic.network]
    dns_servers = [host for host, ip in ((network.host4, own.ip), (network.host6, own.ip6)) if host and ip]
    primary = names.primary_nic(vm) == nic.name
    return SeedNic(
        nic.name,
        own.mac,
        nic_config(lab, vm, nic, allocation),
        tuple(dns_servers) if primary else (),
        (names.domain(nic.network),) if primary else (),
    )


def seed_digest(secret: bytes, config: Mapping[str, Any], user: str, hostname: str) -> str:
    """A digest of a seed as `KEY:DIGEST`. Digests are comparable only if `KEY`, the name of their key, is the same."""
    document = json.dumps([_distinct(config), user, hostname], sort_keys=True, default=str)
    return f"{secret_name(secret)}:{hmac.new(secret, document.encode(), 'sha256').hexdigest()[:32]}"


def _distinct(config: Any) -> Any:
    """Make `Unquoted` scalars differ from texts: the date `2001-01-01` is not the text `"2001-01-01"`."""
    if isinstance(config, Unquoted):
        return f"{config!s} as {Unquoted.__name__}"
    if isinstance(config, dict):
        return {_distinct(key): _distinct(value) for key, value in config.items()}
    return [_distinct(each) for each in config] if isinstance(config, list) else config


def secret_name(secret: bytes) -> str:
    return hashlib.sha256(b"labctl" + secret).hexdigest()[:8]


def nic_config(lab: LabModel, vm: Vm, nic: Nic, allocation: Allocation) -> NicConfig:
    """The configuration of a NIC inside the guest."""
    nic_addresses = allocation.nics[vm.name, nic.name]
    network_addresses = allocation.networks[nic.network]
    network = next(each for each in lab.networks if each.name == nic.network)
    pairs = ((nic_addresses.ip, network_addresses.subnet4), (nic_addresses.ip6, network_addresses.subnet6))
    defaults = [
        Route(DEFAULT, each)
        for each in _gateways(vm, nic, allocation)
        if _default_nic(vm, each.version, allocation) == nic.name
    ]
    return NicConfig(
        mtu=nic.mtu or network.mtu or 0,
        addresses=tuple(ip_interface((ip, subnet.prefixlen)) for ip, subnet in pairs if ip and subnet),
        dhcp4=nic.ip is None and not allocates(network),
        routes=(*defaults, *(Route(route.to, route.via) for route in nic.routes)),
    )


def _default_nic(vm: Vm, version: int, allocation: Allocation) -> str | None:
    """The NIC for the default route of an IP version: the stated one, else the first that reaches a gateway."""
    asked = next((nic.name for nic in vm.nics if nic.default_route), None)
    if asked:
        return asked
    for nic in vm.nics:
        able = any(each.version == version for each in _gateways(vm, nic, allocation))
        if nic.default_route is None and able:
            return nic.name
    return None


def _gateways(vm: Vm, nic: Nic, allocation: Allocation) -> list[IpAddress]:
    """The gateways of a NIC's network that the NIC can use: it has an address of the same version, and is not the
    gateway itself.
    """
    nic_addresses = allocation.nics[vm.name, nic.name]
    own = {4: nic_addresses.ip, 6: nic_addresses.ip6}
    gateways = allocation.networks[nic.network].gateways
    return [each for each in gateways if own[each.version] not in (None, each)]


class HostsFileNames:
    """The names of VMs that a guest can't look up by DNS: they go into its hosts file."""

    def __init__(self, lab: LabModel, allocation: Allocation) -> None:
        self._lab, self._allocation = lab, allocation
        self._networks = {network.name: network for network in lab.networks}
        self._members: dict[str, list[tuple[str, list[IpAddress]]]] = {}  # network → VMs with their addresses
        for vm in lab.vms:
            for nic in vm.nics:
                nic_addresses = allocation.nics[vm.name, nic.name]
                known = list(nic_addresses.given)
                if not nic_addresses.ip and not allocates(self._networks[nic.network]):
                    known[:0] = by_family(nic_addresses.seen)[:1]
                self._members.setdefault(nic.network, []).append((vm.name, known))

    def primary(self, vm: Vm) -> str | None:
        """The network whose DNS server the VM uses: the first one with a DNS server that the VM can reach."""
        name = self.primary_nic(vm)
        return next((nic.network for nic in vm.nics if nic.name == name), None)

    def primary_nic(self, vm: Vm) -> str | None:
        """The NIC on that network. A NIC without an address reaches no DNS server."""
        for nic in vm.nics:
            own, network = self._allocation.nics[vm.name, nic.name], self._allocation.networks[nic.network]
            if (own.ip and network.host4) or (own.ip6 and network.host6):
                return nic.name
        return None

    def domain(self, network: str) -> str:
        return self._networks[network].domain or f"{self._lab.name}.lab"

    def lines(self, vm: Vm) -> tuple[str, ...]:
        """The lines of a VM's hosts file, as `10.0.0.2 db db.shop.lab`: the VMs that its DNS server does not know."""
        primary = self.primary(vm)
        asked = {name for name, *_ in self._members.get(primary or "", ())}
        lines: dict[str, str] = {}
        for network in dict.fromkeys(nic.network for nic in vm.nics):
            if network == primary:
                continue
            full = self.domain(network)
            for name, known in self._members.get(network, ()):
                short = [name] if name not in asked else []
                if short or primary is None or full != self.domain(primary):
                    words = " ".join([*short, f"{name}.{full}"])
                    lines |= {f"{each} {words}": "" for each in known}
        return tuple(lines)
