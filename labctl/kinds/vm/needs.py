"""The objects that a VM needs before it is made or started, and those that it still uses when they change. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.lifecycle import Stage
from labctl.core.spec import Effect, Need
from labctl.kinds import addresses

if TYPE_CHECKING:
    from labctl.core.address import Address
    from labctl.kinds.vm.disks_and_nics import DiskUse
    from labctl.kinds.vm.spec import VmSpec


def needs(vm: VmSpec) -> tuple[Need, ...]:
    """What a VM needs. One that begins with saved memory waits for no other VM: all ran at the moment of the save."""
    disks = [_need(use) for use in vm.disks if use.disk]
    seed = [
        Need(addresses.seed(vm.name), on_replace=Effect.REPLACE) for use in vm.disks if use.name == "seed"
    ]
    networks = {
        nic.ours: Need(addresses.network(nic.ours), on_replace=Effect.LIVE) for nic in vm.nics if nic.ours
    }
    images = [Need(addresses.image(name)) for name in vm.images]
    order = [Need(addresses.vm(other), Stage.STARTED, stage) for other, stage in vm.after]
    folders = [Need(addresses.folder(vm.name, each), holds=Stage.READY) for each in vm.folders]
    own = [Need(addresses.pool(vm.lab)), *images, *disks, *seed, *networks.values()]
    if vm.saved:
        return (*own, *folders, *(need for need in vm.waits if need.holds is Stage.READY))
    return (*own, *order, *folders, *vm.waits)


def _need(use: DiskUse) -> Need:
    """The need of a disk: a new root disk makes a new VM; any other disk can be plugged in."""
    cost = Effect.REPLACE if use.name == "root" else use.effect(Effect.LIVE)
    return Need(addresses.disk(use.disk), on_replace=cost, on_loss=cost)


def lets_go(vm: VmSpec, after: VmSpec | None) -> set[Address]:
    """The networks of NICs that are removed: their DHCP and DNS records stay until the NIC is unplugged."""
    kept = {(nic.name, nic.ours, nic.mac) for nic in after.nics} if after else set()
    return {
        addresses.network(nic.ours)
        for nic in vm.nics
        if nic.ours and (nic.name, nic.ours, nic.mac) not in kept
    }
