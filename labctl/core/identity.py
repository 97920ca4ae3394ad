"""Names, UUIDs and MACs that follow from the names in the Labfile, so that a second try makes the same objects."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid

XMLNS = (
    "https://labctl.org/xmlns/1"  # the namespace of labctl's metadata in libvirt's XML; it is never fetched
)

POOLS = "labctl-"  # the prefix of the names of labctl's storage pools
STORE = f"{POOLS}images"  # the pool with the images of all labs
VOLUMES = "_volume"  # the prefix of a lab's own volumes, in place of a VM's name, which starts with a letter
SNAPSHOTS = "_snapshot"  # the prefix of the volumes of snapshots
COPIES = "_copy"  # the prefix of the marks of copies that are not made to their end
WARM = "_warm"  # the prefix of the volumes of warm states, in the store
SEED, CONSOLE = "seed", "console"  # suffixes of those volumes of a VM that are not disks
NVRAM = "_nvram"  # another one: the variables of its UEFI. No disk's name begins as this one does
GOLDEN, GOLDEN_FLAT = (
    "golden",
    "golden-flat",
)  # suffixes of a VM's volumes while it is made into a golden image
_BRIDGES = "lab-"


def records_namespace(kind: str) -> str:
    """The namespace of what a kind keeps in the metadata of domains (`host.libvirt.records`)."""
    return f"{XMLNS}/{kind}"


def libvirt_name(lab: str, name: str) -> str:
    """The name of a domain or network in libvirt. Names in a Labfile have no dot, so it can be split again."""
    return f"{lab}.{name}"


def pool_name(lab: str) -> str:
    return f"{POOLS}{lab}"


def lab_of_pool(pool: str) -> str | None:
    """The lab that a storage pool of this name belongs to; None if it is not the pool of a lab."""
    return pool.removeprefix(POOLS) if pool.startswith(POOLS) and pool != STORE else None


def volume_name(disk: str) -> str:
    """The name of a disk's volume: `web-1.root` for `web-1/root`, `_volume.shared` for the lab's volume `shared`."""
    return disk.replace("/", ".") if "/" in disk else f"{VOLUMES}.{disk}"


def disk_name(volume: str) -> str | None:
    """The reverse of `volume_name`; None for a volume that is not a disk, as a seed or a console's log."""
    owner, dot, name = volume.partition(".")
    if not dot or name in (SEED, CONSOLE, NVRAM) or "." in name:
        return None
    return name if owner == VOLUMES else f"{owner}/{name}"


_CONSOLE_LOG = re.compile(rf"(?P<vm>[^.]+)\.{CONSOLE}(?:\.(?P<rotated>\d{{1,4}}))?")


def console_log(volume: str) -> tuple[str, int] | None:
    """The VM of a console's log, and how often that file was rotated; None for other volumes.

    virtlogd writes to `web.console`, and moves what is full to `web.console.0`, then to `web.console.1`.
    """
    found = _CONSOLE_LOG.fullmatch(volume)
    return (found["vm"], int(found["rotated"]) + 1 if found["rotated"] else 0) if found else None


def nvram_volume(vm: str) -> str:
    """The name of the volume with the variables of a VM's UEFI."""
    return f"{vm}.{NVRAM}"


def image_volume(key: str) -> str:
    """The volume of the store that disks stand on, of an image with this key."""
    return f"{key}.img"


def image_key(volume: str) -> str:
    """The reverse of `image_volume`."""
    return volume.removesuffix(".img")


_BOOT_FILE = re.compile(r"sha256-[0-9a-f]{64}\.(img|ok|seen)")


def is_boot_file(volume: str) -> bool:
    """Whether a volume of a lab's pool is part of a kernel or an initrd, which are named as images are in the store."""
    return _BOOT_FILE.fullmatch(volume) is not None


def snapshot_volume(snapshot: str, part: str) -> str:
    """The volume with a part of a snapshot, as its `description`; a VM's name never begins as this one does."""
    return f"{SNAPSHOTS}.{snapshot}.{part}"


def snapshot_part(volume: str) -> tuple[str, str] | None:
    """The reverse of `snapshot_volume`: the snapshot and the part; None for other volumes."""
    start, _, rest = volume.partition(".")
    name, dot, part = rest.partition(".")
    return (name, part) if start == SNAPSHOTS and dot else None


def copy_mark(volume: str) -> str:
    """The volume that says of what another one is a copy, as long as this is made; no VM's name begins as this one."""
    return f"{COPIES}.{volume}"


def marked_copy(volume: str) -> str | None:
    """The reverse of `copy_mark`; None for a volume that is no mark."""
    start, dot, name = volume.partition(".")
    return name if start == COPIES and dot and name else None


def warm_volume(lab: str, key: str, part: str) -> str:
    """The volume of the store with a part of a lab's warm state; no image's key begins as this name does."""
    return f"{WARM}.{lab}.{key}.{part}"


def warm_part(volume: str) -> tuple[str, str, str] | None:
    """The reverse of `warm_volume`: the lab, the key and the part; None for other volumes."""
    start, *names = volume.split(".", 3)
    return (names[0], names[1], names[2]) if start == WARM and len(names) == 3 else None


def layer_name(disk: str) -> str:
    """A new name for the layer in which a disk goes on after a snapshot: `web.root._layer-5f0c91d2`."""
    return f"{volume_name(disk)}.{_LAYER}{secrets.token_hex(4)}"


_LAYER = "_layer-"  # the mark of labctl's layers: virsh's snapshots put their own name, as a date, after the last dot
_LAYER_NAME = re.compile(rf"[^.]+\.[^.]+\.{_LAYER}[0-9a-f]{{8}}")


def is_layer(path: str) -> bool:
    """Whether a volume, or the file at a path, has the name of a layer that labctl put on a disk."""
    return _LAYER_NAME.fullmatch(path.rpartition("/")[2]) is not None


def disk_of_layer(path: str) -> str | None:
    """The name of the disk that a volume, or the file at a path, is the first or a later layer of."""
    name = path.rpartition("/")[2]
    return disk_name(name.rpartition(".")[0] if is_layer(name) else name)


def object_uuid(lab: str, kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, XMLNS), f"{lab}/{kind}/{name}"))


def mac_address(lab: str, vm: str, nic: str) -> str:
    """A MAC with QEMU's prefix 52:54:00, which libvirt uses for the MACs that it generates, too."""
    return _mac(f"{lab}/{vm}/{nic}")


def bridge_mac(lab: str, network: str) -> str:
    """The MAC of the host on a network: guests that come back to a network that was made anew still know it."""
    return _mac(f"{lab}/{network}")


def _mac(text: str) -> str:
    digest = _digest(text)
    return f"52:54:00:{digest[0:2]}:{digest[2:4]}:{digest[4:6]}"


def bridge_name(lab: str, network: str) -> str:
    """`lab-` and 8 hex digits, which fits the 15 characters of an interface's name in Linux."""
    return f"{_BRIDGES}{_digest(f'{lab}/{network}')[:8]}"


def is_bridge_name(name: str) -> bool:
    """Whether `bridge_name` may give this name to the bridge of some network."""
    digits = name.removeprefix(_BRIDGES)
    return digits != name and len(digits) == 8 and set(digits) <= set("0123456789abcdef")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
