"""An image: a read-only base of disks, in the store that all labs of a libvirt host share; or a kernel or initrd.

A kernel or an initrd is in the pool of its lab: it comes from a file of this machine, which may be private, and goes
with the lab. The store is the directory pool `labctl-images`. The volumes of an image are named after its `key`:
`KEY.img`, and for a direct kernel boot `KEY.vmlinuz` and `KEY.initrd`. `KEY.ok` is written last and marks the image as
complete; `KEY.seen` has the stamps of the volumes when they were last verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from labctl.core import identity
from labctl.core.record import record
from labctl.core.size import format_size
from labctl.core.spec import BriefPart, Effect, Need, Spec, owned
from labctl.kinds import addresses

if TYPE_CHECKING:
    from labctl.core.address import Address
    from labctl.host.builds.image_build import ImageBuild

POOL = identity.STORE
READABLE = 0o644  # the mode of the volumes of an image that anybody may download or build
PRIVATE = 0o600  # that of what came from a file of this machine: other users may not be meant to read it
DIGITS = 12  # how much of a digest people see


def shown(key: str) -> str:
    """A key as JSON has it and people see it: `sha512:6c2607f1846e…`."""
    return key.replace("-", ":", 1)


def short(key: str) -> str:
    """The beginning of a key, as plans and lists show it: `sha512:6c2607f1846e`."""
    algorithm, _, digest = key.partition("-")
    return f"{algorithm}:{digest[:DIGITS]}"


@record
class ImageSpec(Spec):
    """The spec of an image.

    `key` is `sha256-HEX` or `sha512-HEX` of the file's content, or `build-HEX` of a recipe. `origin` is an absolute
    path, an https URL, or the name of a recipe; it is empty for an image that labctl can't get again. `size` is the
    virtual size in bytes, None if it is not known before the download. A `blob` is a kernel or an initrd;
    `lab` is set where `blob` is.
    `firmware` (`bios`, `uefi`), `cpu` (`x86-64-v2`) and `memory` (bytes) are the catalogue's requirements; empty and 0
    without any.
    """

    kind: ClassVar[str] = "image"
    rank: ClassVar[int] = 2
    shared: ClassVar[bool] = True

    label: str
    key: str = owned(Effect.REPLACE)
    source: Literal["path", "url", "build", "store"] = "path"
    origin: str = ""
    size: int | None = None
    direct: bool = False  # whether VMs boot the image's own kernel and initrd
    cmdline: str = ""  # the command line of that kernel
    blob: bool = False
    lab: str = ""  # whose pool has it; empty for the store
    arch: str = ""  # libvirt's name of the architecture; empty if unknown
    firmware: str = ""
    cpu: str = ""
    memory: int = 0
    wanted: ImageBuild | None = None  # the Labfile's `build:`; `origin` is only its name then
    sound: bool = owned(Effect.LIVE, default=True, condition="damaged in the store")

    @property
    def address(self) -> Address:
        return addresses.image(self.label)

    @property
    def pool(self) -> str:
        """The name of the pool that has it."""
        return identity.pool_name(self.lab) if self.lab else POOL

    @property
    def private(self) -> bool:
        """Whether it has files of this machine: it is one, or a `build:` of the Labfile may have put some into it."""
        return self.source == "path" or self.wanted is not None

    def needs(self) -> tuple[Need, ...]:
        return (Need(addresses.pool(self.lab)),) if self.lab else ()

    @property
    def local_file(self) -> str:
        return self.origin if self.source == "path" else ""

    @property
    def volume(self) -> str:
        return identity.image_volume(self.key)

    @property
    def kernel(self) -> str:
        return f"{self.key}.vmlinuz"

    @property
    def initrd(self) -> str:
        return f"{self.key}.initrd"

    def brief(self) -> tuple[BriefPart, ...]:
        come = {"path": f"from {self.origin}", "url": f"from {self.origin}", "build": "built from packages"}
        sized = [format_size(self.size)] if self.size else []
        return tuple(BriefPart(each) for each in (short(self.key), *sized, come.get(self.source, "")) if each)
