"""What the engine and the use cases ask of a spec, whatever its kind."""

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
    """The files of a VM's disk `name`, the top first. `disk` is the address name of the disk, empty for a seed."""

    vm: str
    name: str
    disk: str
    files: tuple[str, ...]


class Questions:
    """The answers are those of most kinds; a spec gives its own where it has another."""

    # What only some kinds have, as fields of the same names.
    file: str = ""  # the Labfile that it says it was made from
    applied: str = ""  # the fingerprint that was stored with it
    renamed: str = ""  # libvirt's name for it, where somebody changed that
    unmarked: str = ""  # YES where labctl's mark on it was removed
    keyed: bool | None = None  # whether the lab's folder has the keys to log in to it
    protect: bool = False  # it is not to be removed
    xml: tuple[Edit, ...] = ()  # edits of the XML that libvirt gets

    @property
    def remedy(self) -> str:
        """What to do where it is refused."""
        return ""

    @property
    def stated(self) -> tuple[str, ...]:
        """Where the Labfile states it, as `("vms", "web-1")`."""
        return ()

    @property
    def written(self) -> tuple[str, ...]:
        """As `stated`, in the Labfile's own words: of a counted VM the name without the number."""
        return self.stated

    @property
    def pool_volume(self) -> str:
        """The name of its volume in the lab's pool; empty where it has none."""
        return ""

    @property
    def base_image(self) -> str:
        """The key of the image in the store that its content stands on; empty where there is none."""
        return ""

    @property
    def networks(self) -> frozenset[str]:
        """The networks of the lab on which it is, and of which traffic begins with it."""
        return frozenset()

    @property
    def local_file(self) -> str:
        """The file of this machine whose content it stores; empty where there is none."""
        return ""

    def memory_growth(self, before: Self | None) -> int:
        """What it takes of the host's memory beyond what `before` has already, in bytes."""
        del before
        return 0

    def disk_growth(self, before: Self | None) -> int:
        """By how much it may grow on the host's disk beyond what `before` was, in bytes."""
        del before
        return 0

    def done(self, changes: Collection[Change]) -> str:
        """What people are told when these changes are made; empty where that is the usual word for the action."""
        del changes
        return ""

    def chains(self) -> tuple[Chain, ...]:
        """The files of its disks."""
        return ()

    def as_it_runs(self, live: Self, wanted: Self | None) -> Self:
        """What exists: how it is defined or, where that is as wanted, how it runs, so that either difference shows."""
        del live, wanted
        return self

    def completed(self, wanted: Self, defined: Mapping[Address, Spec]) -> Self:
        """What exists, with what libvirt does not know of it, or no longer, taken from what is wanted.

        `defined` is all that exists.
        """
        del wanted, defined
        return self

    def onward(self, before: Self) -> Self:
        """What is wanted, with its disks where what exists has them."""
        del before
        return self

    def with_choices(self, existing: Mapping[Address, Spec], comparable: Callable[[str], bool]) -> Self:
        """What is wanted, with what was chosen once, which stays.

        `comparable` says whether a secret digest was made with the key that this lab has.
        """
        del existing, comparable
        return self

    def with_keys(self, fits: Callable[[str, str, str], bool], existing: Mapping[Address, Spec]) -> Self:
        """What exists, and whether the lab's folder has the keys to log in to it.

        `fits` says so of a VM's name, the Labfile that it was made from and the digest of the keys it was given.
        """
        del fits, existing
        return self
