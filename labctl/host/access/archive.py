"""Tar as it goes between host and guest: written piece by piece, and read as the work of somebody hostile.

The standard library's reader would not do for that: with a header of some bytes it can be made to keep gigabytes in
memory, and the filter for what it extracts came with Python 3.12 (docs/adr/0035).
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.core.text import one_line, printable
from labctl.host.files import os_errors, pinned

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE_BYTES = 256 << 10
MEMBERS = 1_000_000  # of one archive, with the headers that only lengthen names
DEPTH, NAME_BYTES, PATH_BYTES = 128, 255, 4096
_BLOCK = tarfile.BLOCKSIZE
_EXTENSION_BYTES = 64 << 10  # of a long name, or of the records of a pax header
_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_SPARSE = "GNU.sparse."
_KINDS = {
    **dict.fromkeys((tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE), stat.S_IFREG),
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
}
_ENCODING, _ERRORS = "utf-8", "surrogateescape"


@record
class Source:
    """A local folder that is to be sent: all below it, in an order in which folders come first, and its bytes."""

    root: Path
    paths: tuple[Path, ...]
    size: int


@record
class Member:
    """What an archive has: `parts` is its path, none for the folder itself; `kind` is as in a file's mode.

    `target` is what a symbolic link leads to, or with `hard` the path of the file that this is another name of. A kind
    of 0 is anything else, as a device.
    """

    parts: tuple[str, ...]
    kind: int
    mode: int
    size: int
    target: str = ""
    hard: bool = False

    @property
    def name(self) -> str:
        return "/".join(self.parts)


def scan(root: Path) -> Source:
    """Look at a local folder that is to be sent.

    Raises:
        LabctlError: it can't be read, or has something else than files, folders and links in it.
    """
    paths, size, waiting = [], 0, [root]
    while waiting:
        with os_errors.translated("can't read it", waiting[-1]), os.scandir(waiting.pop()) as entries:
            found = sorted(entries, key=lambda each: each.name)
        for each in found:
            path, mode = Path(each.path), each.stat(follow_symlinks=False).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                raise LabctlError("it is neither a file nor a folder nor a link", where=str(path))
            paths.append(path)
            if stat.S_ISREG(mode):
                size += each.stat().st_size
            elif stat.S_ISDIR(mode):
                waiting.append(path)
    return Source(root, tuple(paths), size)


def written(source: Source) -> Iterator[bytes]:
    """The archive of a folder, piece by piece. All in it is the user's who unpacks it.

    Raises:
        LabctlError: a file can't be read, or became shorter meanwhile.
    """
    headers = tarfile.TarFile(fileobj=io.BytesIO(), mode="w")
    root = Path(os.path.realpath(source.root))
    for path in source.paths:
        with os_errors.translated("can't read it", path):
            info = headers.gettarinfo(path, arcname=f"./{path.relative_to(source.root)}")
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            yield info.tobuf(tarfile.GNU_FORMAT, _ENCODING, _ERRORS)  # all kinds of tar know its long names
            if info.isreg():
                real = str(root / path.relative_to(source.root))  # a guest may put a link there meanwhile
                with pinned.opened(path, real) as pin, pin.open("rb") as file:
                    yield from content(file, info.size, path)
                yield bytes(-info.size % _BLOCK)
    yield bytes(2 * _BLOCK)


def content(file: BinaryIO, size: int, path: Path) -> Iterator[bytes]:
    """The first `size` bytes of a file, piece by piece.

    Raises:
        LabctlError: it has less.
    """
    left = size
    while left:
        piece = file.read(min(left, PIECE_BYTES))
        if not piece:
            raise LabctlError("it became shorter while it was copied", where=str(path))
        left -= len(piece)
        yield piece


def members(file: BinaryIO) -> Iterator[Member]:
    """What is in an archive that a guest sent. While a file's turn is, `file` is at its content.

    Raises:
        LabctlError: it is no archive that a well-behaved tar writes.
    """
    at, longer, count = 0, dict[str, str](), 0
    while header := _header(file, at):
        at += _BLOCK
        count += 1
        if count > MEMBERS:
            raise _odd(f"it has more than {MEMBERS:,} headers")
        if header.type in _LONG or header.type in _PAX or header.type == tarfile.XGLTYPE:
            data = _extension(file, header)
            if header.type in _LONG:
                longer[_LONG[header.type]] = data.split(b"\0")[0].decode(_ENCODING, _ERRORS)
            elif header.type in _PAX:
                longer |= _records(data)
            at += len(data) + -len(data) % _BLOCK
            continue
        size = _size(header, longer)
        yield _member(header, size, longer)
        if header.type not in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE):
            at += size + -size % _BLOCK
        longer = {}


def _header(file: BinaryIO, at: int) -> tarfile.TarInfo | None:
    file.seek(at)
    try:
        return tarfile.TarInfo.frombuf(file.read(_BLOCK), _ENCODING, _ERRORS)
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed lacks it
        return None
    except tarfile.HeaderError as error:
        raise _odd(str(error)) from error


def _extension(file: BinaryIO, header: tarfile.TarInfo) -> bytes:
    if not 0 <= header.size <= _EXTENSION_BYTES:
        raise _odd("a name in it is too long")
    return file.read(header.size)


def _records(data: bytes) -> dict[str, str]:
    """Those records of a pax header that matter here; each is `LENGTH KEY=VALUE` and a newline."""
    records = {}
    while data:
        length, _, _ = data.partition(b" ")
        if not (length.isdigit() and len(length) < 6 and len(length) < int(length) <= len(data)):
            raise _odd("a header is wrong")
        key, _, value = data[len(length) + 1 : int(length) - 1].decode(_ENCODING, _ERRORS).partition("=")
        if key.startswith(_SPARSE):
            records[_SPARSE] = value
        elif key in ("path", "linkpath", "size"):
            records[key] = value
        data = data[int(length) :]
    return records


def _size(header: tarfile.TarInfo, longer: dict[str, str]) -> int:
    text = longer.get("size", str(header.size))
    if header.type == tarfile.GNUTYPE_SPARSE or _SPARSE in longer:
        raise _odd("it has sparse files in a form that labctl does not read")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _odd("a size is wrong")
    return int(text)


def _member(header: tarfile.TarInfo, size: int, longer: dict[str, str]) -> Member:
    hard = header.type == tarfile.LNKTYPE
    target = longer.get("linkpath", header.linkname)
    kind = stat.S_IFREG if hard else _KINDS.get(header.type, 0)
    if len(target.encode(_ENCODING, _ERRORS)) > PATH_BYTES:
        raise _odd("the target of a link in it is too long")
    parts = inner_path(longer.get("path", header.name))
    if not parts and kind != stat.S_IFDIR:
        raise _odd("something in it has no name")
    return Member(
        parts,
        kind,
        header.mode & 0o777,
        size if kind == stat.S_IFREG and not hard else 0,
        target if hard or kind == stat.S_IFLNK else "",
        hard,
    )


def inner_path(name: str) -> tuple[str, ...]:
    """The parts of a path that a guest gives for something below a folder.

    Raises:
        LabctlError: it leads out of the folder, or is longer than paths are.
    """
    parts = tuple(each for each in name.split("/") if each not in ("", "."))
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise _odd(f"{printable(one_line(name, 200))} leads out of the folder")
    sizes = [len(each.encode(_ENCODING, _ERRORS)) for each in parts]
    if len(parts) > DEPTH or max(sizes, default=0) > NAME_BYTES or sum(sizes) + len(parts) > PATH_BYTES:
        raise _odd("a path in it is too long")
    return parts


def _odd(why: str) -> LabctlError:
    return LabctlError(f"labctl does not unpack what the guest sent: {why}")
