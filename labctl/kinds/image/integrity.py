"""Whether the files of images in the store are unchanged since they were verified.

The volume `KEY.seen` beside an image has the stamps of its files at the time when their digests were last computed:
size, mtime and ctime, as libvirt reports them. A file with the same stamps is unchanged, since nobody can set a ctime.
libvirt itself changes the ctime when it gives the file to QEMU's user, as at each start of a VM that boots a kernel;
then the digest is computed again. Nothing is decided by the mtime, which anybody can set: `apparent_state` is for
display.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.storage_errors import translated
from labctl.kinds.image.spec import DIGITS, READABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import libvirt

    from labctl.kinds.image.content import Progress

    Stamps = Mapping[str, str]


MISSING, DAMAGED, CHANGED = "missing", "damaged", "changed"
KNOWN_DAMAGED = "wrong"  # stands in the place of the stamps of a volume that was found damaged


def find_damage(
    conn: libvirt.virConnect, pool: libvirt.virStoragePool, key: str, digests: Mapping[str, str]
) -> dict[str, str]:
    """Find damaged or missing volumes of an image: volume → what is wrong; empty if the image is sound.

    Only volumes that changed since they were verified are read.
    """
    stamps = volumes.stamps(pool, digests)
    gone = {name: "it is gone" for name in digests if name not in stamps}
    seen = recorded_stamps(conn, pool, key)
    changed = {name for name in stamps if seen.get(name) != stamps[name]}
    found = gone | verify(conn, pool, {name: digests[name] for name in sorted(changed)})
    if gone:
        with translated("can't refresh the pool", where=pool.name()):
            pools.refresh(pool)  # until then libvirt lists the missing volume, and can't make it again
    if changed and not found:
        record_stamps(conn, pool, key, stamps)
    return found


def apparent_state(seen: Stamps, now: Stamps, names: Iterable[str]) -> str:
    """Compare an image's stamps without reading its files: `missing`, `damaged`, `changed`, or empty.

    `seen` are the recorded stamps, `now` the current ones. The ctime is not compared, since libvirt changes it when a
    VM starts; a plan, which compares it, reads the files again. A volume that was never verified can only be missing.
    """
    found = {_apparent_volume_state(seen.get(name), now.get(name)) for name in names}
    return next((each for each in (MISSING, DAMAGED, CHANGED) if each in found), "")


def _apparent_volume_state(seen: str | None, now: str | None) -> str:
    if now is None:
        return MISSING
    if seen is None:
        return ""
    (size, *times), (size_now, *times_now) = (seen or KNOWN_DAMAGED).split(), now.split()
    if size != size_now:
        return DAMAGED
    return CHANGED if times[:1] != times_now[:1] else ""


def verify(
    conn: libvirt.virConnect,
    pool: libvirt.virStoragePool,
    digests: Mapping[str, str],
    progress: Progress | None = None,
) -> dict[str, str]:
    """Read volumes and compare their digests, which have the form `sha256-HEX`: volume → what is wrong with it."""
    found = {}
    for volume, expected in digests.items():
        algorithm, _, digest = expected.partition("-")
        read = hashlib.new(algorithm)
        try:
            telling = partial(progress, "verifying") if progress else None
            volumes.download_to(conn, pool, volume, _HashWriter(read), progress=telling)
        except LabctlError as error:
            found[volume] = str(error)
            continue
        if read.hexdigest() != digest:
            found[volume] = f"its {algorithm} is {read.hexdigest()[:DIGITS]}, not {digest[:DIGITS]}"
    return found


def recorded_stamps(conn: libvirt.virConnect, pool: libvirt.virStoragePool, key: str) -> Stamps:
    """The recorded stamps by volume; empty if there are none, or they can't be read."""
    try:
        seen = json.loads(volumes.download(conn, pool, f"{key}.seen"))
    except (LabctlError, ValueError):
        return {}
    return seen if isinstance(seen, dict) else {}


def record_stamps(conn: libvirt.virConnect, pool: libvirt.virStoragePool, key: str, stamps: Stamps) -> None:
    """Record the stamps of sound volumes, which were taken before the volumes were read.

    If that fails, as while another labctl does the same, the volumes are read again the next time.
    """
    data = json.dumps(dict(stamps)).encode()
    with suppress(LabctlError):
        forget_stamps(pool, key)
        volumes.upload(conn, pool, f"{key}.seen", data, length=len(data), mode=READABLE)


def forget_stamps(pool: libvirt.virStoragePool, key: str) -> None:
    """Delete the recorded stamps, so that the image is read again before its next use."""
    volumes.delete(pool, f"{key}.seen")


class _HashWriter:
    """An object with a `write` method that updates a digest."""

    def __init__(self, digest: Any) -> None:
        self.write = digest.update
