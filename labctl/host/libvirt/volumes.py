"""The volumes of a storage pool and their content, through libvirt's API alone, so that a remote host works too.

https://libvirt.org/formatstorage.html describes the XML.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import xmltree
from labctl.core.errors import LabctlError
from labctl.core.record import record, replace
from labctl.core.xmlfields import Declaration, Fixed, Property, Read
from labctl.core.xmlforms import OPTIONAL, TEXT, WHOLE, Form
from labctl.host.libvirt import streams
from labctl.host.libvirt.dumps import dumps
from labctl.host.libvirt.storage_errors import ignoring, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO


@record
class Facts:
    """The properties of a volume; sizes in bytes.

    `backing` is the path of an overlay's backing file. libvirt takes `capacity`, `format` and `backing` from the
    content of the file, whose length is `physical`.
    """

    name: str
    path: str = ""
    capacity: int = 0
    allocation: int = 0
    format: str = "qcow2"
    backing: str | None = None
    physical: int = 0
    backing_format: str = ""
    mode: int = 0o600


VOLUME = Declaration(
    "volume",
    Facts,
    Property("name", "name"),
    Fixed("capacity/@unit", "bytes"),  # libvirt writes all sizes in bytes too
    Property("capacity", "capacity", WHOLE),
    Fixed("allocation/@unit", "bytes"),
    Property("allocation", "allocation", WHOLE),
    Read("physical", "physical", WHOLE),
    Read("path", "target/path"),
    Property("format", "target/format/@type", replace(TEXT, absent="raw")),
    Property("mode", "target/permissions/mode", Form("{:04o}".format, lambda text: int(text, 8), 0o600)),
    Fixed("target/compat", "1.1", when=lambda volume: volume.format == "qcow2"),  # version 3
    Property("backing", "backingStore/path", OPTIONAL),
    Property("backing_format", "backingStore/format/@type"),
)


def names(pool: libvirt.virStoragePool) -> set[str]:
    """The names of all volumes, read in one call."""
    with translated("can't list the volumes", where=pool.name()):
        return set(pool.listVolumes())


def facts(pool: libvirt.virStoragePool, names: set[str] | None = None) -> list[Facts]:
    """The facts of all volumes, or of those among `names` that exist, sorted by name. Takes a call for each volume."""
    with translated("can't list the volumes", where=pool.name()):
        if names is None:
            handles = pool.listAllVolumes()
        else:
            handles = [handle for name in names if (handle := find(pool, name)) is not None]
        found = [read(text) for text in dumps(handles) if text is not None]
    return sorted(found, key=lambda facts: facts.name)


def read(text: str) -> Facts:
    """Read the XML of a volume. Pure."""
    return VOLUME.read(ET.fromstring(text))


STAMP = ("physical", "target/timestamps/mtime", "target/timestamps/ctime")
CONTENT_STAMP = STAMP[:-1]  # without what also changes when the file gets another owner, as libvirt gives it


def stamps(
    pool: libvirt.virStoragePool, names: Iterable[str], parts: Sequence[str] = STAMP
) -> dict[str, str]:
    """Volume → stamp, which changes when the volume's file is written to: its size, mtime and ctime as one text.

    The atime is no part, since reading changes it. A volume whose file is missing is left out. `parts` are what of
    its XML the stamp consists of.
    """
    found = {}
    with translated("can't look at the volumes", where=pool.name()):
        for name in names:
            with ignoring("No such file", libvirt.VIR_ERR_NO_STORAGE_VOL):
                found[name] = _stamp(pool.storageVolLookupByName(name).XMLDesc(), parts)
    return found


def _stamp(text: str, parts: Sequence[str]) -> str:
    root = ET.fromstring(text)
    return " ".join(root.findtext(path, "-") for path in parts)


def path(pool: libvirt.virStoragePool, name: str) -> str:
    """The volume's path on the libvirt host. LabctlError when the volume does not exist."""
    return str(require(pool, name).path())


def find(pool: libvirt.virStoragePool, name: str) -> libvirt.virStorageVol | None:
    """The volume's handle; None when the volume does not exist."""
    with translated(f"can't look up {name}", where=pool.name()), ignoring("", libvirt.VIR_ERR_NO_STORAGE_VOL):
        return pool.storageVolLookupByName(name)
    return None


def require(pool: libvirt.virStoragePool, name: str) -> libvirt.virStorageVol:
    """The volume's handle. LabctlError when the volume does not exist."""
    volume = find(pool, name)
    if volume is None:
        raise LabctlError(f"there is no volume {name}", where=pool.name())
    return volume


def create(  # noqa: PLR0913 - what a volume is made of, by keyword
    pool: libvirt.virStoragePool,
    name: str,
    *,
    capacity: int,
    format: str = "qcow2",  # noqa: A002 - libvirt's own term
    backing: tuple[str, str] | None = None,
    mode: int = 0o600,
) -> str:
    """Make an empty sparse volume of `capacity` bytes, or an overlay on `backing` (path, format), and return its path.

    LabctlError when the name is taken.
    """
    under, under_format = backing or (None, "")
    volume = Facts(
        name, capacity=capacity, format=format, backing=under, backing_format=under_format, mode=mode
    )
    text = xmltree.to_text(VOLUME.render(volume))
    with translated(f"can't make the volume {name}", where=pool.name()):
        return str(pool.createXML(text).path())


def copy(
    conn: libvirt.virConnect,
    pool: libvirt.virStoragePool,
    name: str,
    target: str,
    *,
    to: libvirt.virStoragePool | None = None,
) -> None:
    """Make the raw volume `target` with the bytes of another one, in the pool `to` or the same. Holes stay holes.

    No format is looked at: a guest may have written the header of a qcow2 to its raw disk, with any file of the host
    as backing file, and libvirt's own way of copying would read that. If it fails, `target` is deleted.
    """
    length, to = file_size(pool, name), to or pool
    with _filled(to, target, length), translated(f"can't copy {name}", where=pool.name()):
        streams.copy(conn, require(pool, name), require(to, target), length)


@contextmanager
def _filled(pool: libvirt.virStoragePool, name: str, length: int, mode: int = 0o600) -> Iterator[str]:
    """Make a raw volume that the block fills, and give its path. If the block fails, the volume is deleted."""
    path = create(pool, name, capacity=length, format="raw", mode=mode)
    try:
        yield path
    except BaseException:  # an interruption too must not leave half a volume
        delete(pool, name)
        raise


def flatten(pool: libvirt.virStoragePool, name: str, target: str) -> None:
    """Make a qcow2 volume `target` with the content of an overlay, and without a backing file."""
    source = require(pool, name)
    text = xmltree.to_text(VOLUME.render(Facts(target, capacity=source.info()[1])))
    with translated(f"can't flatten {name}", where=pool.name()):
        pool.createXMLFrom(text, source)


def delete(pool: libvirt.virStoragePool, name: str) -> None:
    """Delete a volume unless it does not exist."""
    volume = find(pool, name)
    if volume is not None:
        with translated(f"can't delete the volume {name}", where=pool.name()):
            try:
                volume.delete()
            except libvirt.libvirtError as error:
                if "No such file" not in str(error):
                    raise
                with ignoring("asynchronous jobs"):
                    pool.refresh()  # until then libvirt lists the volume, and can't make one with its name


def upload(  # noqa: PLR0913 - by keyword
    conn: libvirt.virConnect,
    pool: libvirt.virStoragePool,
    name: str,
    source: BinaryIO | bytes,
    *,
    length: int,
    mode: int,
    progress: streams.Progress | None = None,
) -> str:
    """Make the volume `name` with `length` bytes of `source`, and return its path.

    The volume is made as raw, and libvirt detects the format of its content (qcow2) after the upload. Holes of a file
    stay holes. If the upload fails, the volume is deleted. LabctlError when the name is taken or the source too short.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with (
        _filled(pool, name, length, mode) as path,
        translated(f"can't upload {name}", where=pool.name()),
    ):
        streams.send(conn, require(pool, name), file, length, progress)
    return path


def download(
    conn: libvirt.virConnect, pool: libvirt.virStoragePool, name: str, *, offset: int = 0, length: int = 0
) -> bytes:
    """The content of a small volume: `length` bytes (0: all) from `offset`, which counts from the end if negative."""
    buffer = io.BytesIO()
    if offset < 0:
        offset = max(0, file_size(pool, name) + offset)
    download_to(conn, pool, name, buffer, offset=offset, length=length)
    return buffer.getvalue()


def download_to(  # noqa: PLR0913 - by keyword
    conn: libvirt.virConnect,
    pool: libvirt.virStoragePool,
    name: str,
    writer: streams.Writer,
    *,
    offset: int = 0,
    length: int = 0,
    progress: streams.Progress | None = None,
) -> None:
    """Write the content of a volume to `writer`: `length` bytes (0: all) from `offset`, with zeros for holes."""
    total = (length or file_size(pool, name) - offset) if progress else 0
    with translated(f"can't download {name}", where=pool.name()):
        done = 0
        for data in streams.receive(conn, require(pool, name), offset, length):
            writer.write(data)
            done += len(data)
            if progress:
                progress(done, total)


def same(
    conn: libvirt.virConnect,
    pool: libvirt.virStoragePool,
    name: str,
    source: BinaryIO,
    progress: streams.Progress | None = None,
) -> bool:
    """Whether a volume has exactly the content of the source, from the source's position."""
    with translated(f"can't read {name} back", where=pool.name()):
        return streams.same(conn, require(pool, name), source, progress)


def file_size(pool: libvirt.virStoragePool, name: str) -> int:
    """The length of the volume's file in bytes, which differs from the capacity of a qcow2."""
    with translated(f"can't look at {name}", where=pool.name()):
        volume = require(pool, name)
        return int(volume.infoFlags(libvirt.VIR_STORAGE_VOL_GET_PHYSICAL)[2])
