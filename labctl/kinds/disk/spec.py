"""A disk: a volume of the lab's pool; with an image a qcow2 overlay on it, shared ones raw."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from labctl.core import identity
from labctl.core.record import record, replace
from labctl.core.size import format_size, format_sizes
from labctl.core.spec import BriefPart, Effect, Need, Spec, owned
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labctl.core.address import Address


@record
class DiskSpec(Spec):
    """`disk/web-1/root` of a VM, or `disk/shared` of the lab, as `name` says.

    `size` in bytes, None where the image's own decides. `base` is the file name of the backing volume in the image
    store, empty for a blank disk; `image` the address name of that image. `seed` names the seed that was or will be
    applied to what the disk holds: cloud-init does its work once, so with another seed it starts from a new disk.
    `above` are the paths of the overlays that someone's snapshots put on it, the top first: on that its VM goes on, and
    that is as large as `size` says.
    """

    kind: ClassVar[str] = "disk"
    rank: ClassVar[int] = 5
    holds_data: ClassVar[bool] = True

    lab: str
    name: str  # "web-1/root" or "shared"
    size: int | None = owned(Effect.LIVE, unit="bytes", default=None, unset="its image's")
    base: str = owned(Effect.REPLACE, default="")
    format: Literal["qcow2", "raw"] = owned(Effect.REPLACE, default="qcow2")
    image: str = ""
    seed: str = ""
    above: tuple[str, ...] = ()

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

    @property
    def remedy(self) -> str:
        vm, _, disk = self.name.partition("/")
        return f"keep its size, or remove {disk or vm} first and make it anew"

    def disk_growth(self, before: DiskSpec | None) -> int:
        return max(0, (self.size or 0) - ((before and before.size) or 0))

    @property
    def owner(self) -> Address | None:
        """The VM, of a disk that is one's own."""
        vm, slash, _ = self.name.partition("/")
        return addresses.vm(vm) if slash else None

    def brief(self) -> tuple[BriefPart, ...]:
        words = [format_size(self.size)] if self.size else []
        words += [f"on {self.image}"] if self.image else [self.format] * (self.format != "qcow2")
        return (BriefPart(", ".join(words)),)

    @property
    def top(self) -> str:
        """The overlay on which its VM goes on; empty where that is the volume itself."""
        return next(iter(self.above), "")

    def needs(self) -> tuple[Need, ...]:
        image = (Need(addresses.image(self.image)),) if self.image else ()
        seed = (Need(addresses.seed(self.seed), on_replace=Effect.REPLACE),) if self.seed else ()
        return (Need(addresses.pool(self.lab)), *image, *seed)

    def completed(self, wanted: DiskSpec, defined: Mapping[Address, Spec]) -> DiskSpec:
        del defined
        return replace(self, image=wanted.image)

    def with_choices(self, existing: Mapping[Address, Spec], comparable: Callable[[str], bool]) -> DiskSpec:
        """The overlays on it stay. So does a disk whose VM someone undefined: the seed's digest went with the VM."""
        del comparable
        before = existing.get(self.address)
        disk = replace(self, above=before.above) if isinstance(before, DiskSpec) else self
        return replace(disk, seed="") if disk.seed and addresses.vm(disk.seed) not in existing else disk

    def refusal(self, before: Spec) -> str:
        if (
            isinstance(before, DiskSpec)
            and self.base == before.base
            and self.size
            and before.size
            and self.size < before.size
        ):
            had, wanted = format_sizes(before.size, self.size)
            return f"can't shrink from {had} to {wanted}: what lies at the end would be lost"
        return ""
