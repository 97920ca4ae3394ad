"""A disk: a volume of the lab's pool; with an image a qcow2 overlay on it, shared ones raw."""

from __future__ import annotations

from typing import ClassVar, Literal

from labctl.core import identity
from labctl.core.address import Address
from labctl.core.record import record
from labctl.core.size import size as human
from labctl.core.size import sizes
from labctl.core.spec import Effect, Need, Part, Spec, owned


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
        return Address("disk", self.name)

    @property
    def volume(self) -> str:
        return volume_name(self.name)

    @property
    def owner(self) -> Address | None:
        """The VM, of a disk that is one's own."""
        vm, slash, _ = self.name.partition("/")
        return Address("vm", vm) if slash else None

    def brief(self) -> tuple[Part, ...]:
        words = [human(self.size)] if self.size else []
        words += [f"on {self.image}"] if self.image else [self.format] * (self.format != "qcow2")
        return (Part(", ".join(words)),)

    @property
    def top(self) -> str:
        """The overlay on which its VM goes on; empty where that is the volume itself."""
        return next(iter(self.above), "")

    def needs(self) -> tuple[Need, ...]:
        image = (Need(Address("image", self.image)),) if self.image else ()
        seed = (Need(Address("seed", self.seed), on_replace=Effect.REPLACE),) if self.seed else ()
        return (Need(Address("pool", self.lab)), *image, *seed)

    def refusal(self, before: Spec) -> str:
        if (
            isinstance(before, DiskSpec)
            and self.base == before.base
            and self.size
            and before.size
            and self.size < before.size
        ):
            had, wanted = sizes(before.size, self.size)
            return f"can't shrink from {had} to {wanted}: what lies at the end would be lost"
        return ""


def volume_name(name: str) -> str:
    """`web-1/root` is stored as `web-1.root`, a lab's own volume `shared` as `_volume.shared`: no VM is called so."""
    return name.replace("/", ".") if "/" in name else f"{identity.VOLUMES}.{name}"


def disk_name(volume: str) -> str | None:
    """The reverse of `volume_name`; None for what is no disk (a seed, a console's log)."""
    owner, dot, name = volume.partition(".")
    if not dot or name in (identity.SEED, identity.CONSOLE) or "." in name:
        return None
    return name if owner == identity.VOLUMES else f"{owner}/{name}"
