"""Directory pools of libvirt: folders on its host with volumes.

Only libvirt's API is used, so that a remote host works too. https://libvirt.org/formatstorage.html describes the XML.
"""

from __future__ import annotations

import os
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity, xmltree
from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Fixed, Property
from labctl.host.libvirt import volumes
from labctl.host.libvirt.storage_errors import ignoring, translated

if TYPE_CHECKING:
    from collections.abc import Collection


@record
class Folder:
    """A directory pool."""

    name: str
    path: str


POOL = Declaration(
    "pool",
    Folder,
    Fixed("@type", "dir"),
    Property("name", "name"),
    Property("path", "target/path"),
    # QEMU's user has to reach the disks of its VM in the folder, and need not list the others
    Fixed("target/permissions/mode", "0711"),
)
SYSTEM_ROOT = PurePosixPath("/var/lib/libvirt/images")
_REFRESH_S = 120.0


def root(conn: libvirt.virConnect) -> PurePosixPath:
    """The folder on the libvirt host in which the folders of pools are made.

    LabctlError for the session of a remote host, whose user's home is not known, and for a user without a home.
    """
    uri = urlsplit(conn.getURI())
    if not uri.path.endswith("/session"):
        return SYSTEM_ROOT
    if uri.hostname:
        raise LabctlError(
            "the folder for the volumes of a remote session is not known",
            hint="connect to qemu+ssh://HOST/system",
            where=conn.getURI(),
        )
    try:
        data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    except RuntimeError as error:
        raise LabctlError("nobody knows your home", hint="set HOME", where=conn.getURI()) from error
    return PurePosixPath(data) / "libvirt/images"


def free_space(folder: PurePosixPath) -> int:
    """The free bytes of a local folder, which need not exist yet."""
    path = Path(folder)
    there = next(each for each in (path, *path.parents) if each.exists())
    facts = os.statvfs(there)
    return facts.f_bavail * facts.f_frsize


def define(conn: libvirt.virConnect, name: str, folder: str | PurePosixPath) -> libvirt.virStoragePool:
    """Make and start a directory pool with its folder, unless it exists. LabctlError if it exists in another folder."""
    pool = lookup(conn, name)
    if pool is None:
        text = xmltree.to_text(POOL.render(Folder(name, str(folder))))
        with translated(f"can't make the pool {name}"):
            try:
                pool = conn.storagePoolDefineXML(text)
            except libvirt.libvirtError:
                pool = lookup(conn, name)  # another labctl may have made it meanwhile
                if pool is None:
                    raise
    _persist(conn, pool)
    present = path(pool)
    if present != str(folder):
        raise LabctlError(
            f"the pool is in {present}, not in {folder}", hint=f"virsh pool-undefine {name}", where=name
        )
    return started(pool)


def lookup(conn: libvirt.virConnect, name: str) -> libvirt.virStoragePool | None:
    """The pool, started or not; None if it does not exist."""
    with translated(f"can't look up the pool {name}"), ignoring("", libvirt.VIR_ERR_NO_STORAGE_POOL):
        return conn.storagePoolLookupByName(name)
    return None


def find(conn: libvirt.virConnect, name: str) -> libvirt.virStoragePool | None:
    """The pool, which is started if necessary; None if it does not exist."""
    pool = lookup(conn, name)
    return pool and started(pool)


def require(conn: libvirt.virConnect, name: str) -> libvirt.virStoragePool:
    """The pool, which is started if necessary. LabctlError if it does not exist."""
    pool = find(conn, name)
    if pool is None:
        raise LabctlError("libvirt has no such storage pool", where=name)
    return pool


def path(pool: libvirt.virStoragePool) -> str:
    """The pool's folder on the libvirt host."""
    with translated("can't read the pool", where=pool.name()):
        text = pool.XMLDesc()
    return POOL.read(ET.fromstring(text)).path


def renewed(pool: libvirt.virStoragePool, folder: str) -> None:
    """Make a local pool's folder again if someone removed it, which libvirt does not notice by itself."""
    if not os.access(folder, os.F_OK):
        refresh(pool)


def remove(conn: libvirt.virConnect, name: str, own: Collection[str]) -> list[str]:
    """Remove a pool with its volumes named `own`, and with overlays whose backing file is deleted by that.

    The folder is deleted too if it is empty then. Returns the names of volumes that are left; the pool then stays a
    folder without a definition. A pool that does not exist is no error.
    """
    pool = lookup(conn, name)
    if pool is None:
        return []
    left: list[str] = []
    with translated(f"can't remove the pool {name}"):
        _persist(conn, pool)
        started(pool)
        with ignoring("No such file"):  # the folder is missing; libvirt then stops the pool
            refresh(pool)
        if pool.isActive():
            left = _emptied(pool, own)
            pool.destroy()
        if not left:
            left = _removed(pool)
        pool.undefine()
    return left


def _emptied(pool: libvirt.virStoragePool, own: Collection[str]) -> list[str]:
    """Delete the volumes named `own`, those of snapshots, and overlays on them; returns the names of the others."""
    there = {facts.path: facts for facts in volumes.facts(pool)}
    inside = f"{path(pool)}/"
    orphans = [each for each in there.values() if each.backing and each.backing.startswith(inside)]
    # libvirt may know a snapshot's memory only since the refresh, so that `own` can't name it
    gone = {each.path for each in there.values() if each.name in own or identity.snapshot_part(each.name)}
    while more := {each.path for each in orphans if each.backing not in there.keys() - gone} - gone:
        gone |= more
    for each in sorted(gone):
        volumes.delete(pool, there[each].name)
    return sorted(facts.name for each, facts in there.items() if each not in gone)


def _removed(pool: libvirt.virStoragePool) -> list[str]:
    """Delete the pool's folder; returns what is left in it, which can only be files that are no volumes."""
    try:
        with ignoring("No such file"):
            pool.delete()
    except libvirt.libvirtError as error:
        if "not empty" not in str(error):
            raise
        return ["files that are no volumes"]
    return []


def _persist(conn: libvirt.virConnect, pool: libvirt.virStoragePool) -> None:
    """Define a pool again that someone undefined while it was active: libvirt would forget it once it is stopped."""
    with translated(f"can't define the pool {pool.name()}"):
        if not pool.isPersistent():
            conn.storagePoolDefineXML(pool.XMLDesc())


def refresh(pool: libvirt.virStoragePool) -> None:
    """Make libvirt read the pool's folder again, after uploads that are under way.

    If the folder is missing, libvirt stops the pool; then the pool is started with a new folder.
    """
    deadline = time.monotonic() + _REFRESH_S
    while True:
        try:
            pool.refresh()
        except libvirt.libvirtError as error:
            if not pool.isActive():
                started(pool)
                return
            if "asynchronous jobs" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def started(pool: libvirt.virStoragePool) -> libvirt.virStoragePool:
    """Start the pool, with a new folder if its own is missing, and return it."""
    with translated(f"can't start the pool {pool.name()}"):
        if not pool.isActive():
            try:
                pool.build()
                pool.create()
            except libvirt.libvirtError:
                if not pool.isActive():  # another labctl may have started it meanwhile
                    raise
            pool.setAutostart(1)
    return pool
