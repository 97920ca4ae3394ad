"""The questions that the engine and the use cases ask any spec, with the answers of most kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from labctl.core.address import Address
    from labctl.core.diff import Change
    from labctl.core.edits import Edit
    from labctl.core.spec import Spec


@record
class Chain:
    """The files of a VM's disk `name`: the one that the guest writes to, then its backing files.

    `disk` is the name in the disk's address; it is empty for a seed.
    """

    vm: str
    name: str
    disk: str
    files: tuple[str, ...]


class Questions:
    """The base of `Spec`. A kind overrides the answers that differ for it."""

    # Only some kinds have these, as fields with the same names.
    file: str = ""  # the Labfile that it was made from, according to its metadata
    applied: str = ""  # the fingerprint that is stored in its metadata
    renamed: str = ""  # its name in libvirt, if that was changed outside labctl
    unmarked: str = ""  # YES if its mark was removed
    keyed: bool | None = None  # whether the lab's folder has the keys to log in to it
    protect: bool = False  # labctl refuses to delete it
    xml: tuple[Edit, ...] = ()  # edits of its XML for libvirt

    @property
    def stated(self) -> tuple[str, ...]:
        """The path of the object in the Labfile, as `("vms", "web-1")`."""
        return ()

    @property
    def written(self) -> tuple[str, ...]:
        """As `stated`, but for an instance with the name of its VM in the Labfile."""
        return self.stated

    @property
    def pool_volume(self) -> str:
        """The name of its volume in the lab's pool; empty where it has none."""
        return ""

    @property
    def base_image(self) -> str:
        """The key of the image in the store that it is based on; empty where there is none."""
        return ""

    @property
    def networks(self) -> frozenset[str]:
        """The lab's networks that it is connected to."""
        return frozenset()

    @property
    def local_file(self) -> str:
        """The local file whose content it stores; empty where there is none."""
        return ""

    @property
    def speakers(self) -> tuple[str, ...]:
        """The names that stand before the lines which its steps pass on from guests."""
        return ()

    def memory_growth(self, before: Self | None) -> int:
        """The additional memory that it needs of the host compared with `before`, in bytes."""
        del before
        return 0

    def disk_growth(self, before: Self | None) -> int:
        """The additional disk space that it may need of the host compared with `before`, in bytes."""
        del before
        return 0

    def done(self, changes: Collection[Change]) -> str:
        """The words that are shown when these changes are done; empty for the usual word of the action."""
        del changes
        return ""

    @property
    def begins_as(self) -> str:
        """What a new object begins with, as `restored from 26 Nov 12:03, 310MiB`; empty where it is made anew."""
        return ""

    @property
    def given_name(self) -> str:
        """The name that people gave to it, if its address is none."""
        return ""

    def recurs(self, changes: Collection[Change]) -> bool:
        """Whether these changes come back with each run, so that they are no difference from what is wanted."""
        del changes
        return False

    def chains(self) -> tuple[Chain, ...]:
        """The files of each of its disks."""
        return ()

    def as_it_runs(self, live: Self, wanted: Self | None) -> Self:
        """The existing spec to compare with the wanted one: as it is defined if that differs, else as it runs."""
        del live, wanted
        return self

    def completed(self, wanted: Self, defined: Mapping[Address, Spec]) -> Self:
        """The existing spec, completed from the wanted one by the values that can't be read from libvirt.

        `defined` are all existing specs.
        """
        del wanted, defined
        return self

    def onward(self, before: Self) -> Self:
        """The wanted spec, with its disks at the paths where the running object has them."""
        del before
        return self

    def with_choices(self, existing: Mapping[Address, Spec], comparable: Callable[[str], bool]) -> Self:
        """The wanted spec, with the choices that were made when the existing object was created: these stay.

        `comparable` says whether a digest of a secret was made with this lab's key.
        """
        del existing, comparable
        return self

    def with_keys(self, fits: Callable[[str, str, str], bool], existing: Mapping[Address, Spec]) -> Self:
        """The existing spec, with `keyed` set: whether the lab's folder has the keys to log in.

        `fits` answers this for the name of a VM, the Labfile that it was made from, and the digest of its keys.
        """
        del fits, existing
        return self
