"""Whether the images in the store are still those that were verified: a file that is there may be damaged.

Beside an image, `KEY.seen` holds the stamps that its files had when their digests were last computed: size, mtime and
ctime, as libvirt tells them. While these are the same the files are, since nobody can set a ctime. When a VM starts
that boots a kernel of the store, libvirt gives the file to QEMU's user, which changes its ctime: then the digest is
computed again.
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
WRONG = "wrong"  # in place of a volume's stamps: it was read, and is damaged


def wrong(
    conn: libvirt.virConnect, pool: libvirt.virStoragePool, key: str, digests: Mapping[str, str]
) -> dict[str, str]:
    """What is wrong with an image by volume, nothing where it is sound.

    What changed since it was verified is read once more, and nothing else.
    """
    stamps = volumes.stamps(pool, digests)
    gone = {name: "it is gone" for name in digests if name not in stamps}
    seen = read(conn, pool, key)
    changed = {name for name in stamps if seen.get(name) != stamps[name]}
    found = gone | damage(conn, pool, {name: digests[name] for name in sorted(changed)})
    if gone:
        with translated("can't refresh the pool", where=pool.name()):
            pools.refresh(pool)  # libvirt goes on listing what is gone, and would make it no second time
    if changed and not found:
        record(conn, pool, key, stamps)
    return found


def apparent(seen: Stamps, now: Stamps, names: Iterable[str]) -> str:
    """How an image looks whose files are not read; empty where it looks as it was when it was verified.

    `seen` are the stamps that were recorded, `now` those of today. Of what was never verified it is known only whether
    it is there. A ctime says nothing: libvirt changes it when a VM starts.
    """
    found = {_apparent(seen.get(name), now.get(name)) for name in names}
    return next((each for each in (MISSING, DAMAGED, CHANGED) if each in found), "")


def _apparent(seen: str | None, now: str | None) -> str:
    if now is None:
        return MISSING
    if seen is None:
        return ""
    (size, *times), (size_now, *times_now) = (seen or WRONG).split(), now.split()
    if size != size_now:
        return DAMAGED
    return CHANGED if times[:1] != times_now[:1] else ""


def damage(
    conn: libvirt.virConnect,
    pool: libvirt.virStoragePool,
    digests: Mapping[str, str],
    progress: Progress | None = None,
) -> dict[str, str]:
    """Read volumes whose digests these are to be, as `sha256-HEX`; gives what is wrong, by volume."""
    found = {}
    for volume, expected in digests.items():
        algorithm, _, digest = expected.partition("-")
        read = hashlib.new(algorithm)
        try:
            telling = partial(progress, "verifying") if progress else None
            volumes.download_to(conn, pool, volume, _Hashing(read), progress=telling)
        except LabctlError as error:
            found[volume] = str(error)
            continue
        if read.hexdigest() != digest:
            found[volume] = f"its {algorithm} is {read.hexdigest()[:DIGITS]}, not {digest[:DIGITS]}"
    return found


def read(conn: libvirt.virConnect, pool: libvirt.virStoragePool, key: str) -> Stamps:
    """The stamps that were recorded; none where nothing was, or it can't be read."""
    try:
        seen = json.loads(volumes.download(conn, pool, f"{key}.seen"))
    except (LabctlError, ValueError):
        return {}
    return seen if isinstance(seen, dict) else {}


def record(conn: libvirt.virConnect, pool: libvirt.virStoragePool, key: str, stamps: Stamps) -> None:
    """Remember that files with these stamps, taken before they were read, are sound.

    Where that can't be, as while another labctl does it, the files are read once more next time.
    """
    data = json.dumps(dict(stamps)).encode()
    with suppress(LabctlError):
        forget(pool, key)
        volumes.upload(conn, pool, f"{key}.seen", data, length=len(data), mode=READABLE)


def forget(pool: libvirt.virStoragePool, key: str) -> None:
    """Have the image read again before it is used."""
    volumes.delete(pool, f"{key}.seen")


class _Hashing:
    """A digest as a writer."""

    def __init__(self, digest: Any) -> None:
        self.write = digest.update
