"""Reading files that somebody else made: opened without waiting, read by bounds, refused with a reason."""

from __future__ import annotations

import os
import re
import shlex
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from labctl.core.errors import LabctlError
from labctl.host.files import local

if TYPE_CHECKING:
    import struct
    from collections.abc import Iterator
    from pathlib import Path

MAX_VIRTUAL_SIZE = 16 << 40
MAX_OFFSET = (1 << 62) - 1  # no file goes on there, and seek() would raise
_FILE = re.compile(r"\bFILE\b")
MAX_SHOWN = 60  # characters of a name that an image's author chose


def refuse(summary: str, hint: str = "") -> NoReturn:
    """Raise the LabctlError; whoever knows the file's name adds it, see `naming`."""
    raise LabctlError(summary, hint=hint)


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Refusals inside name this file, their hints too where they say FILE; that it can't be read is one."""
    try:
        yield
    except OSError as error:
        raise local.failed(error, "can't read the image", where) from error
    except LabctlError as error:
        hint = _FILE.sub(lambda _: shlex.quote(where), error.hint)
        raise LabctlError(error.summary, hint=hint, where=error.where or where) from None


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The regular file under that name and its size in bytes. LabctlError for what is none or can't be read."""
    with naming(str(path)):
        # Not blocking: a FIFO under that name must not hang us. The descriptor is judged, not the name.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise LabctlError("not a regular file", hint="an image is a file", where=str(path))
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        yield file, facts.st_size


def read(file: BinaryIO, offset: int, size: int) -> bytes:
    """The bytes there: fewer, or none, where the file ends before."""
    if offset > MAX_OFFSET:
        return b""
    file.seek(offset)
    return file.read(size)


def unpack(file: BinaryIO, offset: int, layout: struct.Struct, what: str) -> tuple[Any, ...]:
    """The fields there. LabctlError, naming what was read, where the file ends before."""
    data = read(file, offset, layout.size)
    if len(data) < layout.size:
        refuse(f"a truncated {what}", "compare its size and checksum with its origin's")
    return layout.unpack(data)


def check_virtual_size(size: int) -> None:
    """Refuse a disk of `size` bytes that is empty or absurdly big."""
    if size <= 0:
        refuse("the disk in it is empty")
    if size > MAX_VIRTUAL_SIZE:
        refuse(f"a virtual size of {size} bytes, more than {MAX_VIRTUAL_SIZE >> 40} TiB")


def shown(name: str) -> str:
    """A name from the file, fit for a message: quoted, printable and short."""
    text = ascii(name)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
