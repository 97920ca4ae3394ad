"""A warm state: a lab as it was when it had just become ready, in the host's store (docs/adr/0048)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from labctl.core import identity
from labctl.core.record import field, record
from labctl.core.size import format_size
from labctl.core.spec import BriefPart, Effect, Need, Spec, owned
from labctl.core.verbs import UPDATE
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.core.address import Address
    from labctl.core.diff import Change
    from labctl.core.errors import LabctlError
    from labctl.core.verbs import Verb

_OTHER = "the lab did not begin with it"
DESCRIPTION = "description"  # the part that makes the others a warm state
UNFINISHED = "it was not saved to its end"  # the problem of parts without a description


@record
class WarmVm:
    """A VM of a warm state. `memory` is the volume with its memory, of which `bytes` are used.

    `variables` is the volume with the variables of its UEFI, empty where it has none.
    `definition` is the XML of its persistent definition, `host_key` the pair by which its guest is known.
    """

    name: str
    memory: str = ""
    bytes: int = 0
    variables: str = ""
    definition: str = ""
    private_key: str = field(default="", repr=False)
    public_key: str = ""


@record
class WarmDisk:
    """A disk of a warm state: its name, as `web/root`, and the volume with its content."""

    name: str
    volume: str = ""


@record
class WarmSpec(Spec):
    """The spec of a warm state.

    `key` is a digest of everything that went into the lab, `parts` the digests that it was made of, by what they are
    of. `secret` is the key of the lab's digests, in hex. `stamps` tell whether somebody wrote to its volumes since.
    `taken` is the moment in ISO 8601 and UTC, empty for one that is to be made: that replaces any other. The lab had
    then been made in `took_s` seconds. `size` has the bytes that it takes. `problem` says why it can't be used: nothing
    but its key is known then. `aside` are all of a lab but the one that it could begin with.
    """

    kind: ClassVar[str] = "warm"
    word: ClassVar[str] = "warm state"
    rank: ClassVar[int] = 3
    shared: ClassVar[bool] = True  # it is in the store, and outlives its lab
    unstated: ClassVar[bool] = True

    lab: str
    key: str = owned(Effect.REPLACE, unit="digest", condition=_OTHER)
    parts: tuple[tuple[str, str], ...] = ()
    taken: str = owned(Effect.REPLACE, default="", unit="digest", condition=_OTHER)  # no plan shows the value
    took_s: float = 0.0
    paused_s: float = 0.0
    vms: tuple[WarmVm, ...] = ()
    disks: tuple[WarmDisk, ...] = ()
    secret: str = field(default="", repr=False)
    stamps: tuple[tuple[str, str], ...] = ()
    size: int = field(default=0, compare=False)
    problem: str = owned(Effect.REPLACE, default="", condition="it can't be used")
    aside: bool = False

    @property
    def address(self) -> Address:
        return addresses.warm(f"{self.lab}/{self.key}" if self.aside else self.lab)

    def needs(self) -> tuple[Need, ...]:
        """The lab's pool, which is not removed while somebody looks for what stands on the warm state."""
        return (Need(addresses.pool(self.lab)),)

    @property
    def finished(self) -> bool:
        """Whether it has a description: without one it is what a save left that was killed, or is under way."""
        return self.problem != UNFINISHED

    def volume(self, part: str) -> str:
        """The volume of the store with this part of it."""
        return identity.warm_volume(self.lab, self.key, part)

    def memory_volume(self, vm: str) -> str:
        """The volume of the store with the memory of a VM."""
        return self.volume(f"memory.{vm}")

    def disk_volume(self, disk: str) -> str:
        """The volume of the store with the content of a disk."""
        return self.volume(f"disk.{identity.volume_name(disk)}")

    @property
    def moment(self) -> str:
        """When it was taken, for people, in local time: `26 Nov 12:03`; empty if that is not known."""
        return format(datetime.fromisoformat(self.taken).astimezone(), "%-d %b %H:%M") if self.taken else ""

    def verbs(self, effect: Effect | None, before: Spec | None) -> tuple[Verb[Any], ...]:
        """Saving deletes what it replaces: if that can't be deleted, the lab is not saved, and no step fails."""
        return (UPDATE,) if effect is Effect.REPLACE else super().verbs(effect, before)

    def done(self, changes: Collection[Change]) -> str:
        """Of a save just that it is over: whether the lab was saved, its driver tells."""
        del changes
        return "" if self.taken or self.problem else "done"

    def brief(self) -> tuple[BriefPart, ...]:
        words = "the lab as it is now, for the next `labctl up`"
        return (BriefPart(f"of {self.moment}, {format_size(self.size)}" if self.taken else words),)


def not_saved(error: LabctlError) -> tuple[str, str]:
    """What is told of a lab that is ready and could not be saved, and the hint to it."""
    boots = "the next `labctl up` boots it"
    return f"the lab was not saved: {error}", f"{error.hint}; {boots}" if error.hint else boots
