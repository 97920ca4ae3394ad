"""The folder of a lab's local files, `.labctl/<lab>/` beside the Labfile, which may have come with a repository.

    .labctl/            for its owner alone, as all below it
        .gitignore      so that no key is committed
        LAB/            id_ed25519, id_ed25519.pub, digest.key, ssh_config, known_hosts,
                        connections
            host-keys/  VM and VM.pub

Nothing in it is used that is a link, another user's, that others may write to, or that has keys and others may read;
`.labctl` itself and public keys may be readable, as earlier versions made them. Nothing is deleted that labctl did not
make: see docs/adr/0027-a-labs-folder.md.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.files import checked, os_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

TOP = ".labctl"
HOST_KEYS = "host-keys"
_MOST = 1 << 20  # bytes of a file
_OTHERS_WRITE = 0o022
_IGNORE = ".gitignore"
_OURS = {
    (): r"id_ed25519(?:\.pub)?|digest\.key|ssh_config|known_hosts|connections",
    (HOST_KEYS,): r"[a-z0-9][a-z0-9-]*(?:\.pub)?",
}


@record
class Cleared:
    """What became of a lab's folder: whether there was one and it is gone, or else why each thing in it stays."""

    removed: bool = False
    stays: tuple[LabctlError, ...] = ()


class LabFolder:
    """The folder of one lab, below that of its Labfile, which is the user's. `host-keys/web` is a name in it.

    Methods raise LabctlError if anything on the way is not as labctl makes it.
    """

    def __init__(self, beside: Path, lab: str) -> None:
        self._beside, self._lab = beside, lab
        self.path = beside / TOP / lab

    def read(self, name: str) -> bytes | None:
        """The content of a file, or None."""
        *folders, last = name.split("/")
        with suppress(FileNotFoundError), self._opened(*folders) as within:
            return checked.read(last, within, self.path / name, _MOST, closed=_closed(name))
        return None

    def names(self, folder: str) -> list[str]:
        """The names in a folder; there are none where it is missing."""
        with suppress(FileNotFoundError), self._opened(folder) as within:
            return _names(within)
        return []

    def write(self, name: str, data: bytes) -> None:
        """Write a file completely or not at all. Missing folders are made."""
        *folders, last = name.split("/")
        with self._made(*folders) as within:
            checked.write(last, within, self.path / name, data)

    def generate(self, name: str, endings: tuple[str, ...], program: Callable[[str, str], object]) -> None:
        """Have a program make files, which get to their places when it is done.

        `program` is called with a folder and with what stands for `name` there; it writes that with each of the
        endings.
        """
        *folders, last = name.split("/")
        with self._made(*folders) as within:
            temporary = checked.temporary_name(last)
            try:
                program(f"/proc/self/fd/{within}", temporary)
                for ending in endings:
                    checked.rename(f"{temporary}{ending}", f"{last}{ending}", within, self.path / name)
            finally:
                for ending in endings:
                    with suppress(FileNotFoundError):
                        os.unlink(f"{temporary}{ending}", dir_fd=within)

    def remove(self, name: str) -> None:
        """Delete a file, if there is one."""
        *folders, last = name.split("/")
        with suppress(FileNotFoundError), self._opened(*folders) as within:
            checked.remove(last, within, self.path / name, closed=_closed(name))

    def clear(self) -> Cleared:
        """Delete what labctl makes here, and the folders that are empty then.

        It may have been begun before: any part may be missing.
        """
        stays: list[LabctlError] = []
        with _collected(stays):
            there = self._exists()
            stays += self._clear()
            if not stays:
                self._clear_top()
                return Cleared(removed=there)
        return Cleared(stays=tuple(stays))

    def _exists(self) -> bool:
        with suppress(FileNotFoundError), self._opened():
            return True
        return False

    def _clear_top(self) -> None:
        """Remove `.labctl` where no other lab has its files there, unless the user has a `.gitignore` of their own."""
        with suppress(FileNotFoundError, LabctlError), self._entered(TOP) as within:
            names = _names(within)
            if all(name == _IGNORE or checked.is_temporary(name, re.escape(_IGNORE)) for name in names):
                for name in names:
                    checked.remove(name, within, self.path.parent / name)
                self._remove_folder(TOP)

    def _clear(self, *folders: str) -> list[LabctlError]:
        """Clear a folder below it, or itself, and give why things stay."""
        stays: list[LabctlError] = []
        with _collected(stays), self._opened(*folders) as within:
            for name in _names(within):
                path = self.path.joinpath(*folders, name)
                if (*folders, name) == (HOST_KEYS,):
                    stays += self._clear(HOST_KEYS)
                elif not (re.fullmatch(_OURS[folders], name) or checked.is_temporary(name, _OURS[folders])):
                    stays.append(LabctlError("labctl did not make it", where=str(path), hint=checked.LOOK))
                else:
                    with _collected(stays):
                        checked.remove(name, within, path, closed=_closed(name))
            if not stays:
                self._remove_folder(TOP, self._lab, *folders)
        return stays

    def _remove_folder(self, *parts: str) -> None:
        """Remove an empty folder; one that someone uses at the same moment stays."""
        with self._entered(*parts[:-1]) as above, suppress(OSError):
            os.rmdir(parts[-1], dir_fd=above)

    def _opened(self, *folders: str) -> AbstractContextManager[int]:
        """The descriptor of a folder below it, or of itself, while the block runs. FileNotFoundError: it is missing."""
        return self._entered(TOP, self._lab, *folders)

    def _made(self, *folders: str) -> AbstractContextManager[int]:
        """The same; what is missing is made."""
        return self._entered(TOP, self._lab, *folders, make=True)

    @contextmanager
    def _entered(self, *parts: str, make: bool = False) -> Iterator[int]:
        """The descriptor of a folder, by its path from that of the Labfile."""
        path = self._beside
        with ExitStack() as opened:
            with os_errors.translated("can't open it", path):
                within = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, within)
            for part in parts:
                path /= part
                closed = _OTHERS_WRITE if part == TOP else checked.OTHERS
                within = checked.open_folder(part, within, path, closed=closed, make=make)
                opened.callback(os.close, within)
                if make and part == TOP and _IGNORE not in _names(within):
                    checked.write(_IGNORE, within, path / _IGNORE, b"*\n")
            yield within


def _names(within: int) -> list[str]:
    return sorted(os.listdir(within))


def _closed(name: str) -> int:
    """The bits that the mode of a file must not have."""
    return _OTHERS_WRITE if name.endswith(".pub") else checked.OTHERS


@contextmanager
def _collected(stays: list[LabctlError]) -> Iterator[None]:
    """Add an error of the block to those of others; what is missing is none."""
    try:
        yield
    except FileNotFoundError:
        pass
    except LabctlError as error:
        stays.append(error)
