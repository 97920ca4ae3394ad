"""Copies files and folders into a guest and out of it, as cp and scp do, over any transport.

Modes are kept. What is copied to a folder that exists lands in it. Nothing is kept in memory. A file is there whole, or
stays as it was; of a folder a part may be there where the copy failed.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.guest.protocol import ROOT
from labctl.host.access import archive
from labctl.host.access.headed import Headed
from labctl.host.access.streams import PiecesStdin
from labctl.host.access.unpacking import unpack
from labctl.host.files import os_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.host.access.transport import Transport

    Progress = Callable[
        [int, int], object
    ]  # the bytes that were copied, and of how many; 0 where nobody knows

_TOO_MUCH = "copy less of it, or pack it there first; `labctl copy` has --limit"
_TARGET = """set -e
target={target}
[ -n "{exact}" ] || [ ! -d "$target" ] || target=${{target%/}}/{name}
"""
_PUT_FILE = (
    _TARGET
    + """umask 077
if [ -d "$target" ]; then echo "$target is a folder" >&2; exit 1; fi
[ ! -e "$target" ] || [ -f "$target" ] || {{ echo "$target is no file" >&2; exit 1; }}
case $target in */) echo "there is no folder $target" >&2; exit 1 ;; esac
new=$(mktemp "$target.XXXXXX")
trap 'rm -f "$new"' EXIT
cat >"$new"
[ "$(stat -c %s "$new")" -eq {size} ] || {{ echo 'not all of it arrived' >&2; exit 1; }}
chmod {mode:o} "$new"
mv -f "$new" "$target"
"""
)
_PUT_FOLDER = (
    _TARGET
    + """[ -d "$target" ] || mkdir "$target"
tar -xpf - -C "$target"
chmod {mode:o} "$target"
"""
)
_GET = """set -e
source={source}
if [ -d "$source" ]; then
    printf 'folder %s 0\\n' "$(stat -c %a "$source/.")"
    exec tar -cf - -C "$source" .
fi
[ -e "$source" ] || {{ echo 'there is no such file' >&2; exit 1; }}
[ -f "$source" ] || {{ echo 'it is neither a file nor a folder' >&2; exit 1; }}
exec 3<"$source"
printf 'file %s\\n' "$(stat -L -c '%a %s' "$source")"
exec cat <&3
"""
_HEAD = re.compile(rb"(?P<kind>file|folder) (?P<mode>[0-7]{1,5}) (?P<size>\d{1,18})\n")


async def put(  # noqa: PLR0913  # what a copy has
    transport: Transport,
    source: Path,
    target: str,
    *,
    user: str = ROOT,
    mode: int | None = None,
    exact: bool = False,
    origin: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Copy a local file or folder into a guest. Links in a folder stay links; `source` itself may be one.

    Args:
        transport: the way into the guest.
        source: the local path.
        target: the path in the guest; a relative one starts in the home of `user`. The folder that it is in exists.
        user: whose the files will be.
        mode: of a file, or of the folder itself, instead of what it has here.
        exact: the target is the path that it gets, also where that is a folder already.
        origin: what the source is called, if that is a path by a descriptor.
        progress: called as it goes on.

    Raises:
        LabctlError: it can't be read here, or written there.
    """
    text, pieces, size = _outgoing(source, target, mode, (origin or source).name, exact=exact)
    stdin = PiecesStdin(_counted(pieces, size, progress))
    done = await transport.run(text, stdin=stdin, timeout=None, user=user)
    done.check(f"can't copy {origin or source} to {target} in the guest")


async def get(  # noqa: PLR0913  # what a copy has
    transport: Transport,
    source: str,
    target: Path,
    *,
    user: str = ROOT,
    limit_bytes: int,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Copy a file or folder of a guest to this machine. Gives the names of what was left out of a folder.

    Those are devices and the like, and links that lead out of the folder. A guest is hostile: it can't have anything
    written elsewhere, nor through a link, and not more than `limit_bytes`. The other arguments are those of `put`.

    Raises:
        LabctlError: it can't be read there, or written here, or is larger than the limit.
    """
    final = _final(source, target)
    with _spool(target) as (file, path):

        def take(data: bytes) -> None:
            file.write(data)
            if progress:
                progress(file.tell(), int(arriving.head["size"]))

        arriving = Headed(_HEAD, take, limit_bytes, hint=_TOO_MUCH)
        text = _GET.format(source=_path(source))
        done = await transport.run(text, stdout=arriving, timeout=None, user=user)
        done.check(f"can't copy {source} from the guest")
        mode = int(arriving.head["mode"], 8) & 0o777
        if arriving.head["kind"] == b"folder":
            return await asyncio.to_thread(_unpacked, file, final, mode, limit_bytes)
        os.fchmod(file.fileno(), mode)
        file.flush()
        _put_in_place(path, final)
        return ()


@contextmanager
def _spool(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file on the disk that the target is on. It goes at the end of the block, if it has its name still."""
    place = target if target.is_dir() else target.parent
    if not place.is_dir():
        raise LabctlError("there is no such folder", where=str(place))
    with os_errors.translated("can't write there", place):
        descriptor, path = tempfile.mkstemp(dir=place, prefix=".labctl-")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file, Path(path)
    finally:
        Path(path).unlink(missing_ok=True)


def _outgoing(
    source: Path, target: str, mode: int | None, name: str, *, exact: bool
) -> tuple[str, Iterator[bytes], int]:
    """The script for the guest, what it reads, and the bytes of all files in it."""
    with os_errors.translated("can't read it", source):
        found = source.stat()
    kept = stat.S_IMODE(found.st_mode) if mode is None else mode
    name = name if name not in ("", "..") else source.resolve().name
    words = {"target": _path(target), "name": shlex.quote(name), "exact": "yes" if exact else ""}
    if stat.S_ISDIR(found.st_mode):
        tree = archive.scan(source)
        return _PUT_FOLDER.format(**words, mode=kept), archive.written(tree), tree.size
    if stat.S_ISREG(found.st_mode):
        text = _PUT_FILE.format(**words, mode=kept, size=found.st_size)
        return text, _read(source, found.st_size), found.st_size
    raise LabctlError("it is neither a file nor a folder", where=str(source))


def _path(path: str) -> str:
    """A path in a guest for its shell. `~` alone is expanded by no shell in quotes, and a command starts at home."""
    path = "." if path in ("", "~") else path.removeprefix("~/") or "."
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _read(source: Path, size: int) -> Iterator[bytes]:
    with os_errors.translated("can't read it", source), source.open("rb") as file:
        yield from archive.content(file, size, source)


def _counted(pieces: Iterator[bytes], total: int, progress: Progress | None) -> Iterator[bytes]:
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        if progress:
            progress(min(done, total), total)


def _final(source: str, target: Path) -> Path:
    if not target.is_dir():
        return target
    name = PurePosixPath(source).name
    if name in ("", "..", "~"):
        raise LabctlError(
            f"{source} has no name that it could have here", hint="name a target that does not exist yet"
        )
    return target / name


def _put_in_place(new: Path, final: Path) -> None:
    """Rename a file, over another one, but over nothing else: a link is not written through."""
    with os_errors.translated("can't write it", final):
        with suppress(FileNotFoundError):
            mode = final.lstat().st_mode
            if not stat.S_ISREG(mode):
                what = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no file"
                raise LabctlError(f"labctl does not write there: it is {what}", where=str(final))
        new.replace(final)


def _unpacked(file: BinaryIO, folder: Path, mode: int, limit_bytes: int) -> tuple[str, ...]:
    with os_errors.translated("can't make it", folder):
        with suppress(FileExistsError):
            folder.mkdir(0o700)
        if folder.is_symlink() or not folder.is_dir():
            raise LabctlError("labctl does not write there: it is no folder", where=str(folder))
    return unpack(file, folder, mode, limit_bytes)
