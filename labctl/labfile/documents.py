"""The YAML documents that make a lab: the Labfile and what it includes.

One that is the same as in the last run is not parsed again, and PyYAML, whose import takes as long as looking at a
hundred VMs, is not imported for it (`host.files.readings`).
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from labctl.core.errors import Position, Problem
from labctl.host.files import kept
from labctl.host.files.readings import Readings
from labctl.labfile import tree
from labctl.labfile.tree import Map

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["MAX_BYTES", "Document", "Documents", "content", "entry", "is_public"]

MAX_BYTES = 1 << 20
Document = tuple[Map, tuple[Problem, ...]]


def entry(path: str) -> str | None:
    """Where the documents of a Labfile are kept."""
    return kept.entry("documents", path)


class Documents(Readings):
    """The documents of one Labfile, as a context; `path` is where that is, None where nothing may be kept."""

    def __init__(self, path: str | None) -> None:
        super().__init__(entry(path) if path else None, (Problem, Position), ("core", "labfile"))

    def read(
        self, data: bytes, file: str, *, keep: bool, empty: tuple[str, str], cloud: bool = False
    ) -> Document:
        """Read one document whose top is a map.

        Keys that stand there twice are returned as problems, since the rest can still be judged.

        Args:
            data: what it says.
            file: what messages call it.
            keep: whether it may be kept, see `is_public`.
            empty: what to say where nothing is in it, and a hint.
            cloud: whether it is cloud-config, which is YAML 1.1.

        Raises:
            Rejected: it leaves no tree.
        """
        ((found, problems),) = self.of(_parsed, [(data, file, empty, cloud)], kept=lambda _: keep)
        return tree.unpacked(found), problems


def content(file: BinaryIO) -> bytes:
    """As much of a file as is read at most, and a byte more where it goes on."""
    return file.read(MAX_BYTES + 1)


def is_public(file: BinaryIO) -> bool:
    """Whether everybody may read it. What its owner keeps to himself, or decrypts into a pipe, is not copied."""
    mode = os.fstat(file.fileno()).st_mode
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)


def _parsed(source: tuple[bytes, str, tuple[str, str], bool]) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    from labctl.labfile import yaml

    data, file, empty, cloud = source
    top, problems = yaml.read(data, file, empty=empty, cloud=cloud)
    return tree.packed(top), tuple(problems)
