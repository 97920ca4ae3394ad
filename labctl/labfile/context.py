"""What the readers of single fields need to know of the Labfile around them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.record import field, record
from labctl.kinds.image import catalogue
from labctl.labfile.placeholders import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.labfile.problems import Problems
    from labctl.labfile.yaml_tree import Map

__all__ = ["ReadContext"]


@record(frozen=False)
class ReadContext:
    """The Labfile's folder, the names of its networks and volumes, and the collector of its problems."""

    folder: Path
    problems: Problems
    networks: Iterable[str] = ()
    volumes: Iterable[str] = ()
    _unreadable: dict[Path, str] = field(default_factory=dict)  # as `why_unreadable` answered before

    @cached_property
    def named_images(self) -> dict[str, catalogue.Entry]:
        """The entries of the image catalogue, by name."""
        return catalogue.entries()

    def file(self, holder: Map, key: str) -> Path:
        """Give the absolute path of the file that is named at `key`; an unreadable file is reported."""
        path = (self.folder / _expanded(holder[key])).absolute()
        if PLACEHOLDER not in holder[key] and (why := self.why_unreadable(path)):
            self.problems.at(holder, key, f"{holder[key]}: {why}", f"looked for in {path.parent}")
        return path

    def why_unreadable(self, path: Path) -> str:
        """Say why a path can't be read as a file; empty if it can. Each path is checked once."""
        if path not in self._unreadable:
            self._unreadable[path] = _why_unreadable(path)
        return self._unreadable[path]


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user: a shell then leaves the ~ as it is, too
        return Path(text)


def _why_unreadable(path: Path) -> str:
    try:
        return "" if path.is_file() else "this is no file" if path.exists() else "there is no such file"
    except OSError as error:
        return str(error.strerror).lower()
