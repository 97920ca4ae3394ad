"""A snapshot: the whole lab at one moment (docs/adr/0045)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from labctl.core import identity
from labctl.core.lifecycle import State
from labctl.core.record import field, record
from labctl.core.spec import BriefPart, Effect, Need, Spec, owned
from labctl.kinds import addresses
from labctl.kinds.snapshot.verbs import RESTORE

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.core.address import Address
    from labctl.core.diff import Change
    from labctl.core.verbs import Verb

DESCRIPTION = "description"  # the part that makes the others a snapshot


@record
class Layer:
    """A disk at the moment of a snapshot: the file at `path`, to which nobody has written since.

    `disk` is the name in the disk's address, `below` are the files that the layer stands on.
    """

    disk: str
    path: str
    format: str = "qcow2"
    below: tuple[str, ...] = ()


@record
class SavedVm:
    """A VM at the moment of a snapshot. `memory` is the volume with its memory, empty for a VM that was off.

    `definition` is the XML of its persistent definition.
    """

    name: str
    state: State
    autostart: bool = False
    definition: str = ""
    layers: tuple[Layer, ...] = ()
    memory: str = ""


@record
class SavedNetwork:
    """A network at the moment of a snapshot; `definition` is the XML of its persistent definition."""

    name: str
    active: bool = True
    autostart: bool = False
    definition: str = ""


@record
class Copy:
    """A volume that has no layers, as a seed, a volume of the lab or UEFI's variables, and the volume with its copy."""

    volume: str
    copy: str


@record
class SnapshotSpec(Spec):
    """The spec of a snapshot.

    `taken` is the moment, in ISO 8601 and UTC, and `paused_s` how long the VMs were paused for it. `ancestors`
    are the snapshots on which the lab stood then, the nearest first. `restored` is what `restore` wants: that the lab
    is as it was then. `size` has the bytes that its parts take, without the layers that disks are made of anyway.
    `growth` says how many bytes of memory the restore takes beyond what the lab's VMs have now.
    `problem` says why it can't be read: nothing but its name is known then, and any disk may be one that it needs.
    """

    kind: ClassVar[str] = "snapshot"
    rank: ClassVar[int] = 12
    holds_data: ClassVar[bool] = True
    unstated: ClassVar[bool] = True

    lab: str
    name: str
    restored: bool = owned(Effect.LIVE, default=False, condition="the lab goes back to it")
    message: str = ""
    taken: str = ""
    paused_s: float = 0.0
    ancestors: tuple[str, ...] = ()
    vms: tuple[SavedVm, ...] = ()
    saved_networks: tuple[SavedNetwork, ...] = ()
    copies: tuple[Copy, ...] = ()
    made_by: str = ""  # the versions of libvirt and QEMU
    host_cpu: str = ""  # the XML of the host's CPU: guests with KVM may have had this one
    size: int = field(default=0, compare=False)
    growth: int = field(default=0, repr=False, compare=False)
    problem: str = ""

    @property
    def address(self) -> Address:
        return addresses.snapshot(self.name)

    def memory_growth(self, before: SnapshotSpec | None) -> int:
        return self.growth if before and self.restored else 0

    @property
    def pool_volume(self) -> str:
        return identity.snapshot_volume(self.name, DESCRIPTION)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those of all its VMs."""
        return tuple(layer for vm in self.vms for layer in vm.layers)

    @property
    def disks(self) -> frozenset[str]:
        """The names of the disks of VMs that it has layers of."""
        return frozenset(each.disk for each in self.layers)

    def needs(self) -> tuple[Need, ...]:
        """What has to be there, or as it was, before the lab can go back to it; and what stays as long as it does."""
        networks = (Need(addresses.network(each.name)) for each in self.saved_networks)
        vms = (Need(addresses.vm(each.name)) for each in self.vms)
        disks = (Need(addresses.disk(each)) for each in sorted(self.disks))
        return (Need(addresses.pool(self.lab)), *networks, *disks, *vms)

    def lets_go(self, after: Spec | None) -> Collection[Address]:
        """Its disks, whose layers can be merged once it is gone."""
        return () if after else tuple(map(addresses.disk, sorted(self.disks)))

    def verbs(self, effect: Effect | None, before: Spec | None) -> tuple[Verb[Any], ...]:
        return super().verbs(None, before) if effect is None else (RESTORE,)

    def loss(self, before: Spec, effect: Effect) -> str:
        del before, effect
        return f"all that was done in the lab since {self.moment}"

    def done(self, changes: Collection[Change]) -> str:
        del changes
        return "restored" if self.restored else ""

    def brief(self) -> tuple[BriefPart, ...]:
        if self.problem:
            return (BriefPart(self.problem),)
        off = [vm.name for vm in self.vms if vm.state is State.OFF]
        on = len(self.vms) - len(off)
        words = [f"{on} VM{'s' * (on != 1)} with memory"] * bool(on)
        words += [f"{len(off)} VM{'s' * (len(off) != 1)} that {'are' if len(off) > 1 else 'is'} off"] * bool(
            off
        )
        return (BriefPart(", ".join(words)),)

    @property
    def moment(self) -> str:
        """When it was taken, for people, in local time: `2026-11-26 12:03`; empty if that is not known."""
        try:
            return format(datetime.fromisoformat(self.taken).astimezone(), "%Y-%m-%d %H:%M")
        except ValueError:  # not known, or someone edited the description
            return self.taken
