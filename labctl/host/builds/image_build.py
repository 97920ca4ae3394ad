"""A Labfile's `build:` as a record that checks itself before anything runs."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from labctl.core.closest_matches import closest_matches
from labctl.core.errors import Problem
from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DISTRIBUTIONS = ("debian", "ubuntu")
MIN_SIZE = 2 << 30  # bytes that Debian with a kernel and cloud-init needs
MAX_SIZE = 2 << 40  # bytes that BIOS can address
SUITE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Debian Policy 5.6.1 and 5.6.12; a name must not end with `-`, which apt understands as `remove`
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](=[A-Za-z0-9][A-Za-z0-9.+:~-]*)?")
VOLATILE = ("/boot/manifest", "/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp", "/var/run")  # noqa: S108


@record
class File:
    """A file of the image, owned by root: a copy of `source`, an absolute path, or `content`, a text in UTF-8."""

    target: str
    source: Path | None = None
    content: str | bytes | None = None
    mode: int = 0o644


@record
class ImageBuild:
    """An image to build. `size` is that of its disk in bytes; root runs the `run` lines in a shell in the new root."""

    distribution: str
    suite: str
    packages: tuple[str, ...] = ()
    size: int = 4 << 30
    files: tuple[File, ...] = ()
    run: tuple[str, ...] = ()
    bootable: bool = False

    def problems(self) -> list[Problem]:
        """Find all problems, each with the path of its field, as `packages.0` or `files.1.target`. Reads no file."""
        return [*self._base(), *self._packages(), *self._files(), *self._run()]

    def _base(self) -> Iterator[Problem]:
        if self.distribution not in DISTRIBUTIONS:
            near = closest_matches(self.distribution, DISTRIBUTIONS, 1)
            hint = f"did you mean {near[0]}?" if near else f"labctl builds {' and '.join(DISTRIBUTIONS)}"
            yield Problem(f"no distribution is called {self.distribution}", "distribution", hint=hint)
        if not SUITE.fullmatch(self.suite):
            yield Problem(f"{self.suite!r} is no suite", "suite", hint="a suite's code name, as bookworm")
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            yield Problem(f"{self.size} bytes are no size for an image", "size", hint="2GiB to 2TiB")

    def _packages(self) -> Iterator[Problem]:
        for index, package in enumerate(self.packages):
            if not PACKAGE.fullmatch(package):
                yield Problem(
                    f"{package!r} is no package's name", f"packages.{index}", hint="NAME or NAME=VERSION"
                )

    def _files(self) -> Iterator[Problem]:
        seen: set[str] = set()
        for index, file in enumerate(self.files):
            place = f"files.{index}"
            if reason := _bad_target(file.target):
                yield Problem(f"{file.target!r} {reason}", f"{place}.target")
            elif file.target in seen:
                yield Problem(f"{file.target} is there twice", f"{place}.target")
            seen.add(file.target)
            if (file.source is None) == (file.content is None):
                yield Problem("a file has either a source or a content", place)
            elif file.source is not None and not file.source.is_absolute():
                yield Problem(f"{file.source} is no absolute path", f"{place}.source")
            if not 0 <= file.mode <= 0o7777:
                yield Problem(f"{file.mode:o} is no mode", f"{place}.mode", hint='as "0644"')

    def _run(self) -> Iterator[Problem]:
        for index, line in enumerate(self.run):
            if not line.strip() or "\0" in line:
                yield Problem("this is no line for a shell", f"run.{index}")


def _bad_target(target: str) -> str:
    """The reason why a file of an image can't have this path; empty when it can."""
    path = PurePosixPath(target)
    if not path.is_absolute():
        return "is no absolute path"
    if str(path) != target or ".." in path.parts or target.startswith("//") or len(path.parts) == 1:
        return "is no plain path to a file"
    if not target.isprintable():
        return "has a character that can't be seen"
    gone = next((each for each in VOLATILE if path.is_relative_to(each)), "")
    return f"would not last: {gone} is made anew" if gone else ""
