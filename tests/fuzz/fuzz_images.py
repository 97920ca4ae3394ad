"""Byte fuzzing of the image parsers, guided by coverage.

A finding is any exception but LabctlError, or too much time or memory.

    python -m tests.fuzz.fuzz_images FOLDER [libFuzzer's options]

An input says which sound image to start from, how much of its end is cut off, and what is written over the windows
that the parsers look at. FOLDER gets the images, and the seeds made of them and of the hostile ones.
"""

import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import atheris

with atheris.instrument_imports(include=["labctl.host"]):  # the first import of each counts
    from labctl.core.errors import LabctlError
    from labctl.host.images import convertible, qcow2
    from labctl.host.images.untrusted import MAX_VIRTUAL_SIZE
    from tests.unit.host.images import hostile

WHERE = "fuzzed"
MEGABYTES = 512
TIMEOUT_S = 5


class Inspected(Protocol):
    virtual_size: int


@dataclass(frozen=True)
class Base:
    """A sound image, and the places in it (offset, length) that a parser looks at."""

    data: bytes
    windows: tuple[tuple[int, int], ...]

    def seed(self, index: int, data: bytes) -> bytes:
        return bytes((index, 0)) + b"".join(data[at : at + length] for at, length in self.windows)


class Overlaid:
    """A file opened for reading: the base's first `size` bytes, with the windows written over."""

    def __init__(self, base: Base, content: bytes, size: int) -> None:
        self._base, self._content, self._size, self._at = base, content, size, 0

    def seek(self, offset: int) -> None:
        if not 0 <= offset < 1 << 63:
            raise OverflowError(offset)  # a real file's is one, too
        self._at = offset

    def read(self, size: int) -> bytes:
        if size < 0:
            raise ValueError(size)  # would read all of it
        start, end = self._at, min(self._at + size, self._size)
        chunk = bytearray(self._base.data[start:end])
        taken = 0
        for at, length in self._base.windows:
            new = self._content[taken : taken + length]
            taken += length
            low, high = max(at, start), min(at + len(new), end)
            if low < high:
                chunk[low - start : high - start] = new[low - at : high - at]
        return bytes(chunk)


def bases(folder: Path) -> dict[str, Base]:
    """The sound images by their file's ending; those of two endings are of one kind."""

    def base(path: Path, *windows: tuple[int, int]) -> Base:
        data = path.read_bytes()
        return Base(data, tuple((at % len(data), length) for at, length in windows))

    qcow2_, old = hostile.made(folder / "i.qcow2", "qcow2"), folder / "i.v2"
    hostile.made(old, "qcow2", "-o", "compat=0.10")
    (l1,) = struct.unpack_from(">Q", qcow2_.read_bytes(), 40)
    vmdk = hostile.made(folder / "i.vmdk", "vmdk")
    stream = hostile.footed_good(folder, vmdk)
    vhdx = hostile.made(folder / "i.vhdx", "vhdx")
    metadata = vhdx.read_bytes().index(b"metadata")
    fixed = hostile.made(folder / "fixed.vpc", "vpc", "-o", "subformat=fixed")
    regions, items = (192 << 10, 80), ((metadata, 192), (metadata + (64 << 10), 64))
    return {
        "qcow2": base(qcow2_, (0, 160), (l1, 8)),
        "v2": base(old, (0, 96)),
        "vmdk": base(vmdk, (0, 80), (512, 512)),
        "stream": base(stream, (0, 80), (512, 320), (-1536, 16), (-1024, 80), (-512, 16)),
        "vdi": base(hostile.made(folder / "i.vdi", "vdi"), (64, 408)),
        "vhdx": base(vhdx, (0, 8), (64 << 10, 80), (128 << 10, 80), regions, *items),
        "vpc": base(hostile.made(folder / "i.vpc", "vpc"), (0, 86), (512, 800)),
        "fixed": base(fixed, (0, 8), (-512, 86)),
    }


def seeds(known: dict[str, Base], folder: Path) -> list[bytes]:
    """The sound images themselves, and what is wrong with the hostile ones."""
    names = list(known)
    made = hostile.corpus(folder, folder / "cana")
    wrong = [(image.path.suffix.removeprefix("."), image.path.read_bytes()) for image in made]
    return [
        known[name].seed(names.index(name), data)
        for name, data in [*((name, base.data) for name, base in known.items()), *wrong]
        if name in known
    ]


def judge(inspect: Callable[[Overlaid, int, str], Inspected], file: Overlaid, file_size: int) -> None:
    """A size within bounds, or a reason that can be shown."""
    refused = None
    try:
        size = inspect(file, file_size, WHERE).virtual_size
    except LabctlError as error:
        refused, size = error, 1
    assert 0 < size <= MAX_VIRTUAL_SIZE
    assert refused is None or (refused.where == WHERE and refused.summary and refused.summary.isprintable())


def main(folder: Path, options: list[str]) -> None:
    (folder / "cana").write_bytes(bytes(4096))
    known = bases(folder)
    corpus = folder / "seeds"
    corpus.mkdir()
    for number, seed in enumerate(seeds(known, folder)):
        (corpus / str(number)).write_bytes(seed)
    table = list(known.values())

    def one(data: bytes) -> None:
        if len(data) < 2:
            return
        base = table[data[0] % len(table)]
        size = len(base.data) * (256 - data[1]) // 256
        for inspect in (qcow2.inspect_file, convertible.inspect_file):
            judge(inspect, Overlaid(base, data[2:], size), size)

    os.chdir(folder)  # a finding is written there
    limits = [f"-rss_limit_mb={MEGABYTES}", f"-timeout={TIMEOUT_S}", "-max_len=2048"]
    atheris.Setup([sys.argv[0], *limits, *options, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
