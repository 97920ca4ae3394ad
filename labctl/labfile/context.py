"""What the readers of single fields need to know of the Labfile around them."""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.host_reach import Deed, HostReach
from labctl.core.record import field, record
from labctl.host.files.owners import owner, user
from labctl.kinds.image import catalogue
from labctl.labfile.interpolate import TextBudget
from labctl.labfile.placeholders import PLACEHOLDER
from labctl.labfile.yaml_tree import entry_mark, path_text, value_position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labctl.labfile.problems import Problems
    from labctl.labfile.yaml_tree import Map, Mark

__all__ = ["ReadContext"]

_KERNELS_OWN = ("/proc/", "/sys/")
# what a guest may do with a folder: part of what a yes is for
FOLDER_READ, FOLDER_WRITE = "a folder to read", "a folder to read and to write"


@record(frozen=False)
class ReadContext:
    """The Labfile's folder, the names of its networks and volumes, and the collector of its problems.

    `given` are the texts of parameters that the user gave. `outside` collects the files that the Labfile itself names
    and that lie outside of its folder, by their real paths. `files` collects all files that are named, also missing
    ones. `copied` has the fields of what steps copy, `fetched` what they fetch, and `written` those of the latter that
    are outside of the folder, or hidden in it.
    """

    folder: Path
    problems: Problems
    networks: Iterable[str] = ()
    volumes: Iterable[str] = ()
    given: frozenset[str] = frozenset()
    labfile: str = ""  # the Labfile's name in the folder
    outside: dict[Path, HostReach] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)
    written: dict[Path, HostReach] = field(default_factory=dict)
    copied: dict[Path, tuple[Map, str]] = field(default_factory=dict)
    fetched: dict[Path, Map] = field(default_factory=dict)
    scripts: set[Mark] = field(default_factory=set)  # the steps whose scripts were looked at
    budget: TextBudget = field(default_factory=TextBudget)  # the texts of all instances
    _unreadable: dict[Path, str] = field(default_factory=dict)  # as `why_unreadable` answered before

    @cached_property
    def named_images(self) -> dict[str, catalogue.Entry]:
        """The entries of the image catalogue, by name."""
        return catalogue.entries()

    def file(self, holder: Map, key: str) -> Path:
        """Give the real path of the file that is named at `key`: links are followed now, and never again.

        An unreadable file is reported.
        """
        path = (self.folder / _expanded(holder[key])).absolute()
        if PLACEHOLDER in holder[key]:
            return path
        real = Path(os.path.realpath(path))
        self.files |= {path, real}
        if why := self.why_unreadable(real):
            self.problems.at(holder, key, f"{holder[key]}: {why}", f"looked for in {path.parent}")
        else:
            self._reach(self.outside, Deed.GIVES, holder, key, path, real, self._why_outside)
        return real

    def playbook(self, holder: Map) -> Path:
        """Give the absolute path of a playbook, as it is written: what stands beside it there belongs to it."""
        path = (self.folder / _expanded(holder["playbook"])).absolute()
        self.file(holder, "playbook")
        return path

    def copied_file(self, holder: Map, key: str) -> Path:
        """Give the absolute path of a file or folder to copy, which may not be there before a `fetch` makes it."""
        path = (self.folder / _expanded(holder[key])).absolute()
        if PLACEHOLDER not in holder[key]:
            self.files.add(path)
            self.copied.setdefault(path, (holder, key))
            real = Path(os.path.realpath(path))
            self._reach(self.outside, Deed.GIVES, holder, key, path, real, self._why_outside)
        return path

    def fetched_file(self, holder: Map, key: str) -> Path:
        """Give the absolute path to which a guest's file is fetched. One that several VMs would write is reported."""
        path = (self.folder / _expanded(holder[key])).absolute()
        if PLACEHOLDER not in holder[key]:
            if self.fetched.get(path) is holder:
                self.problems.at(holder, key, f"several VMs would write {holder[key]}", "put ${name} into it")
            self.fetched[path] = holder
            real = Path(os.path.realpath(path))
            self._reach(self.written, Deed.WRITES, holder, key, path, real, self._why_not_written)
        return path

    def report_missing_copies(self) -> None:
        """Report what steps copy and is not there, unless a step fetches it, or something in it."""
        for path, (holder, key) in self.copied.items():
            made = any(path.is_relative_to(each) or each.is_relative_to(path) for each in self.fetched)
            why = "" if path.is_dir() else self.why_unreadable(path)
            if why and not made:
                hint = f"looked for in {path.parent}, and no `fetch` makes it"
                self.problems.at(holder, key, f"{holder[key]}: {why}", hint)

    def forget_fetched_files(self) -> None:
        """Count what steps fetch, and folders that it is in, not among the files that the lab is made from.

        labctl writes it itself, so who watches these files would run the steps again for ever.
        """
        self.files -= {
            path
            for path in self.files & self.copied.keys()
            if any(path.is_relative_to(each) or each.is_relative_to(path) for each in self.fetched)
        }

    def _reach(  # noqa: PLR0913, PLR0917  # what a reach is made of
        self,
        into: dict[Path, HostReach],
        deed: Deed,
        holder: Map,
        key: str,
        path: Path,
        real: Path,
        why_not_own: Callable[[Path, Path], str],
    ) -> None:
        if holder[key] not in self.given and real not in into and (why := why_not_own(path, real)):
            origin = (
                path_text(self.problems.path_of(holder, key)),
                str(value_position(entry_mark(holder, key))),
            )
            into[real] = HostReach(deed, str(real), *origin, why)

    def _why_not_written(self, path: Path, real: Path) -> str:
        """Say why a guest's file may not be written there without a yes; empty if it may.

        Hidden files are programs' own: what is in `.git` runs on the host.
        """
        if outside := self._why_outside(path, real):
            return outside.replace("a file from outside", "a place outside")
        within = real.relative_to(os.path.realpath(self.folder))
        return (
            "a hidden place in the Labfile's folder" if any(p.startswith(".") for p in within.parts) else ""
        )

    def shared_folder(self, holder: Map, key: str, given: str) -> Path:
        """Give the real path of the folder that is named at `key`: links are followed now, and never again.

        What is no folder is reported.
        `given` says what a guest may do with it: a yes to the one is none to the other.
        """
        path = (self.folder / _expanded(holder[key])).absolute()
        if PLACEHOLDER in holder[key]:
            return path
        real = Path(os.path.realpath(path))
        if why := _why_no_folder(path):
            self.problems.at(holder, key, f"{holder[key]}: {why}", f"looked for in {path.parent}")
        elif holder[key] not in self.given and (why := self._why_outside(path, real, "a folder")):
            origin = (
                path_text(self.problems.path_of(holder, key)),
                str(value_position(entry_mark(holder, key))),
            )
            known = self.outside.get(real)
            if known is None or known.content != FOLDER_WRITE:  # what is also copied is told as the folder
                self.outside[real] = HostReach(Deed.GIVES, str(real), *origin, why, given)
        return real

    def _why_outside(self, path: Path, real: Path, what: str = "a file") -> str:
        """Say why a file or folder is not one of the Labfile's folder; empty if it is. Links are followed."""
        folder = Path(os.path.realpath(self.folder))
        facts = folder.stat()
        if any(home.is_relative_to(folder) for home in _homes(owner(folder, facts).name)):
            return "a Labfile in a home, or above it, has no folder of its own"
        if facts.st_mode & stat.S_IWOTH:
            return "a Labfile in a folder that everybody may write to has no folder of its own"
        if real.is_relative_to(folder):
            return ""
        if Path(os.path.normpath(path)).is_relative_to(folder):
            return "a link leads out of the Labfile's folder"
        return f"{what} from outside the Labfile's folder"

    def why_unreadable(self, path: Path) -> str:
        """Say why a path can't be read as a file; empty if it can. Each path is checked once."""
        if path not in self._unreadable:
            self._unreadable[path] = _why_unreadable(path)
        return self._unreadable[path]


def _why_no_folder(path: Path) -> str:
    real = os.path.realpath(path)
    if f"{real}/".startswith((*_KERNELS_OWN, "/dev/")) or real == "/":
        return "this is no folder that can be shared"
    try:
        return "" if path.is_dir() else "this is no folder" if path.exists() else "there is no such folder"
    except OSError as error:
        return str(error.strerror).lower()


def _homes(owner_name: str) -> list[Path]:
    """The homes of this user, as the environment says and the system, and of the owner of the Labfile's folder."""
    found = [_expanded("~")]
    for name in (user(), owner_name):
        with suppress(KeyError):
            found.append(Path(pwd.getpwnam(name).pw_dir))
    return [Path(os.path.realpath(home)) for home in found if home.is_absolute() and home != Path("/")]


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user: a shell then leaves the ~ as it is, too
        return Path(text)


def _why_unreadable(path: Path) -> str:
    if os.path.realpath(path).startswith(_KERNELS_OWN):  # to read one may have effects, or never end
        return "this is no file that is stored"
    try:
        return "" if path.is_file() else "this is no file" if path.exists() else "there is no such file"
    except OSError as error:
        return str(error.strerror).lower()
