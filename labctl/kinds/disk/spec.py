"""A disk: a volume of the lab's pool. A disk with an image is a qcow2 overlay on it; shared disks are raw."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from labctl.core import identity
from labctl.core.errors import Problem
from labctl.core.record import record, replace
from labctl.core.size import format_size, format_sizes
from labctl.core.spec import BriefPart, Effect, Need, Spec, owned
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labctl.core.address import Address


@record
class DiskSpec(Spec):
    """The spec of a disk: `name` is `web-1/root` for a disk of a VM, or `shared` for a volume of the lab.

    `size` is in bytes, None if the image decides. `base` is the backing volume's name in the image store, empty for a
    blank disk; `image` is the address name of that image. `seed` is the name of the seed that cloud-init applied to the
    disk, or will apply: it does so once, so that another seed needs a new disk. `above` are the paths of overlays that
    snapshots put on the volume, the top first; the VM writes to the top one, and `size` is its size. `saved` is the
    volume of the store with its content in a warm state: a new disk begins with that, an existing one stands on it. It
    is made after the disks `behind`, so that there is none where the VMs' own systems are missing, and boot anew.
    """

    kind: ClassVar[str] = "disk"
    rank: ClassVar[int] = 6
    holds_data: ClassVar[bool] = True

    lab: str
    name: str  # "web-1/root" or "shared"
    size: int | None = owned(Effect.LIVE, unit="bytes", default=None, unset="its image's")
    base: str = owned(Effect.REPLACE, default="")
    format: Literal["qcow2", "raw"] = owned(Effect.REPLACE, default="qcow2")
    # the volume that the guest writes to, among the layers of snapshots; None leaves that as it is
    active_volume: str | None = owned(Effect.LIVE, default=None, condition="its layers are needed no more")
    image: str = ""
    seed: str = ""
    above: tuple[str, ...] = ()
    saved: str = ""
    behind: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        return addresses.disk(self.name)

    @property
    def volume(self) -> str:
        return identity.volume_name(self.name)

    @property
    def pool_volume(self) -> str:
        return self.volume

    @property
    def base_image(self) -> str:
        return identity.image_key(self.base)

    @property
    def stated(self) -> tuple[str, ...]:
        vm, slash, _ = self.name.partition("/")
        return ("vms", vm, "disk") if slash else ("volumes", self.name)

    def disk_growth(self, before: DiskSpec | None) -> int:
        return max(0, (self.size or 0) - ((before and before.size) or 0))

    @property
    def owner(self) -> Address | None:
        """The VM to which the disk belongs; None for a volume of the lab."""
        vm, slash, _ = self.name.partition("/")
        return addresses.vm(vm) if slash else None

    def brief(self) -> tuple[BriefPart, ...]:
        words = [format_size(self.size)] if self.size else []
        words += [f"on {self.image}"] if self.image else [self.format] * (self.format != "qcow2")
        return (BriefPart(", ".join(words)),)

    @property
    def top(self) -> str:
        """The path of the overlay to which the VM writes; empty if the VM writes to the volume itself."""
        return next(iter(self.above), "")

    def needs(self) -> tuple[Need, ...]:
        image = (Need(addresses.image(self.image)),) if self.image else ()
        seed = (Need(addresses.seed(self.seed), on_replace=Effect.REPLACE),) if self.seed else ()
        warm = (Need(addresses.warm(self.lab)),) if self.saved else ()
        behind = (Need(addresses.disk(each)) for each in self.behind)
        return (Need(addresses.pool(self.lab)), *image, *warm, *seed, *behind)

    def completed(self, wanted: DiskSpec, defined: Mapping[Address, Spec]) -> DiskSpec:
        del defined
        return replace(self, image=wanted.image)

    def with_choices(self, existing: Mapping[Address, Spec], comparable: Callable[[str], bool]) -> DiskSpec:
        """Keep the existing overlays; and keep a disk whose VM someone undefined, and with it the seed's digest."""
        del comparable
        before = existing.get(self.address)
        disk = replace(self, above=before.above) if isinstance(before, DiskSpec) else self
        return replace(disk, seed="") if disk.seed and addresses.vm(disk.seed) not in existing else disk

    def refusal(self, before: Spec) -> Problem | None:
        if (
            isinstance(before, DiskSpec)
            and self.base == before.base
            and self.size
            and before.size
            and self.size < before.size
        ):
            had, wanted = format_sizes(before.size, self.size)
            vm, _, disk = self.name.partition("/")
            return Problem(
                f"can't shrink from {had} to {wanted}: what lies at the end would be lost",
                str(self.address),
                hint=f"keep its size, or remove {disk or vm} first and make it anew",
            )
        return None
