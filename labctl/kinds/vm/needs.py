"""What a VM needs before it is made or started, and what it still has a part in. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.lifecycle import Stage
from labctl.core.spec import Effect, Need
from labctl.kinds import addresses

if TYPE_CHECKING:
    from labctl.core.address import Address
    from labctl.kinds.vm.spec import VmSpec
    from labctl.kinds.vm.uses import DiskUse


def needs(vm: VmSpec) -> tuple[Need, ...]:
    disks = [_need(use) for use in vm.disks if use.disk]
    seed = [
        Need(addresses.seed(vm.name), on_replace=Effect.REPLACE) for use in vm.disks if use.name == "seed"
    ]
    networks = {
        nic.ours: Need(addresses.network(nic.ours), on_replace=Effect.LIVE) for nic in vm.nics if nic.ours
    }
    images = [Need(addresses.image(name)) for name in vm.images]
    order = [Need(addresses.vm(other), Stage.STARTED, stage) for other, stage in vm.after]
    return (Need(addresses.pool(vm.lab)), *images, *disks, *seed, *networks.values(), *order)


def _need(use: DiskUse) -> Need:
    """A machine is what is on its root disk; any other can be plugged in anew."""
    cost = Effect.REPLACE if use.name == "root" else use.effect(Effect.LIVE)
    return Need(addresses.disk(use.disk), on_replace=cost, on_loss=cost)


def lets_go(vm: VmSpec, after: VmSpec | None) -> set[Address]:
    """The networks of NICs that leave: each has its records until the guest is rid of the NIC."""
    kept = {(nic.name, nic.ours, nic.mac) for nic in after.nics} if after else set()
    return {
        addresses.network(nic.ours)
        for nic in vm.nics
        if nic.ours and (nic.name, nic.ours, nic.mac) not in kept
    }
