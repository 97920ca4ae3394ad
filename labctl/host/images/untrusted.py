"""Safe reading of untrusted files: opening never blocks, reads stay within bounds, and each refusal has a reason."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from labctl.core.errors import LabctlError
from labctl.host.files import os_errors
from labctl.host.files.regular import open_regular

if TYPE_CHECKING:
    import struct
    from collections.abc import Callable, Iterator
    from pathlib import Path

MAX_VIRTUAL_SIZE = 16 << 40
MAX_OFFSET = (1 << 62) - 1  # seek() raises for larger offsets, and no file is that long
_FILE = re.compile(r"\bFILE\b")
MAX_QUOTED = 60  # characters; the image's author chose the name and its length


def refuse(summary: str, hint: str = "") -> NoReturn:
    """Raise a LabctlError without a file name, which `errors_naming` adds. FILE in the hint stands for that name."""
    raise LabctlError(summary, hint=hint)


@contextmanager
def errors_naming(where: str) -> Iterator[None]:
    """Add the name of a file to the errors of the block, also in the place of FILE in their hints.

    An OSError of the block becomes a LabctlError.
    """
    try:
        yield
    except OSError as error:
        raise os_errors.as_labctl_error(error, "can't read the image", where) from error
    except LabctlError as error:
        hint = _FILE.sub(lambda _: shlex.quote(where), error.hint)
        raise LabctlError(error.summary, hint=hint, where=error.where or where) from None


@contextmanager
def opened_file(
    path: Path, opening: Callable[[Path], BinaryIO] = open_regular
) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file and give it with its size in bytes. LabctlError when it isn't one or can't be read."""
    with errors_naming(str(path)):
        file = opening(path)
    with file:
        yield file, os.fstat(file.fileno()).st_size


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """Read `size` bytes at `offset`; fewer, or none, where the file ends before."""
    if offset > MAX_OFFSET:
        return b""
    file.seek(offset)
    return file.read(size)


def read_struct(file: BinaryIO, offset: int, layout: struct.Struct, what: str) -> tuple[Any, ...]:
    """Read the fields of a struct at `offset`. LabctlError where the file ends before; it calls the file a `what`."""
    data = read_at(file, offset, layout.size)
    if len(data) < layout.size:
        refuse(f"a truncated {what}", "compare its size and checksum with its origin's")
    return layout.unpack(data)


def check_virtual_size(size: int) -> None:
    """Refuse a disk whose virtual size, in bytes, is nothing or over MAX_VIRTUAL_SIZE."""
    if size <= 0:
        refuse("the disk in it is empty")
    if size > MAX_VIRTUAL_SIZE:
        refuse(f"a virtual size of {size} bytes, more than {MAX_VIRTUAL_SIZE >> 40} TiB")


def quoted(name: str) -> str:
    """Make a name from an untrusted file fit for a message: quoted, in ASCII, at most MAX_QUOTED characters."""
    text = ascii(name)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"
