"""An image: a read-only base of disks, or a kernel or initrd, in the store that all labs of a libvirt share.

The store is the directory pool `labctl-images`. An image's files there are named after its `key`: `KEY.img`, and for
one that boots directly `KEY.vmlinuz` and `KEY.initrd`; `KEY.ok` is written last and says that they were complete,
`KEY.seen` what their files looked like when that was verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from labctl.core import identity
from labctl.core.record import record
from labctl.core.size import format_size
from labctl.core.spec import BriefPart, Effect, Spec, owned
from labctl.kinds import addresses

if TYPE_CHECKING:
    from labctl.core.address import Address
    from labctl.host.builds.image_build import ImageBuild

POOL = identity.STORE
READABLE = 0o644  # the mode of its files
DIGITS = 12  # of a digest are enough for people


def shown(key: str) -> str:
    """A key as people and JSON see it: `sha512:6c2607f1846e…`."""
    return key.replace("-", ":", 1)


def short(key: str) -> str:
    """As much of it as people compare: `sha512:6c2607f1846e`."""
    algorithm, _, digest = key.partition("-")
    return f"{algorithm}:{digest[:DIGITS]}"


@record
class ImageSpec(Spec):
    """`key` is `sha256-HEX`, `sha512-HEX` (of the file's content) or `build-HEX` (of the recipe).

    `origin` is an absolute path, an https URL, or the name of a recipe; empty for one that can't be got again. `size`
    is the virtual size in bytes where it is known before the image is there. A `blob` (a kernel, an initrd) is stored
    as it is. `firmware` (`bios`, `uefi`), `cpu` (`x86-64-v2`) and `memory` (bytes) are what the catalogue says that it
    needs; empty and 0 where it says nothing.
    """

    kind: ClassVar[str] = "image"
    rank: ClassVar[int] = 2
    shared: ClassVar[bool] = True

    label: str
    key: str = owned(Effect.REPLACE)
    source: Literal["path", "url", "build", "store"] = "path"
    origin: str = ""
    size: int | None = None
    direct: bool = False  # boots by its own kernel and initrd
    cmdline: str = ""  # what such a kernel wants
    blob: bool = False
    arch: str = ""  # libvirt's word; empty where nobody said
    firmware: str = ""
    cpu: str = ""
    memory: int = 0
    wanted: ImageBuild | None = None  # of a build that the Labfile states; `origin` then only names it
    sound: bool = owned(Effect.LIVE, default=True, condition="damaged in the store")

    @property
    def address(self) -> Address:
        return addresses.image(self.label)

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
