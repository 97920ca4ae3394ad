"""The kind of seeds for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.found import Found
from labctl.kinds import Kind, addresses
from labctl.kinds.seed.spec import SeedSpec, network_digest

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.kinds.seed.driver import SeedDriver


def _driver(host: Host, keys: Keys) -> SeedDriver:
    from labctl.kinds.seed.driver import SeedDriver  # most runs have nothing to do

    return SeedDriver(host, keys)


def _observe(look: Look) -> Found[SeedSpec]:
    """The specs of existing seeds. Their digests are in the metadata of their VMs, since a volume has no metadata."""
    return Found(tuple(_seed(look.lab, vm, look.spec(addresses.vm(vm))) for vm in look.stored.seeds))


def _seed(lab: str, owner: str, vm: Any) -> SeedSpec:
    if vm is None:
        return SeedSpec(lab, owner, "")
    return SeedSpec(lab, owner, vm.seed, network=network_digest((nic.mac, nic.guest) for nic in vm.nics))


SEED = Kind(SeedSpec, _driver, _observe)
