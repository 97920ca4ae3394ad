"""Names and numbers that follow from the Labfile alone, so that a second try makes the same thing."""

from __future__ import annotations

import hashlib
import uuid

XMLNS = "https://labctl.org/xmlns/1"  # of labctl's metadata in libvirt's XML; a name, nothing is fetched

POOLS = "labctl-"  # what the names of labctl's storage pools begin with
STORE = f"{POOLS}images"  # the pool of all labs' images
VOLUMES = "_volume"  # stands for the lab where a disk's file has its VM's name; a VM's starts with a letter
SEED, CONSOLE = "seed", "console"  # the suffixes of a VM's volumes that are no disks
GOLDEN, GOLDEN_FLAT = "golden", "golden-flat"  # and of those that it has while a golden image is made of it
_BRIDGES = "lab-"


def libvirt_name(lab: str, name: str) -> str:
    """The name of a domain or network in libvirt; names hold no dot, so it reads back unambiguously."""
    return f"{lab}.{name}"


def pool_name(lab: str) -> str:
    return f"{POOLS}{lab}"


def lab_of(pool: str) -> str | None:
    """The lab whose volumes are in the storage pool of that name; None where it is no lab's."""
    return pool.removeprefix(POOLS) if pool.startswith(POOLS) and pool != STORE else None


def volume_name(disk: str) -> str:
    """`web-1/root` is stored as `web-1.root`, a lab's own volume `shared` as `_volume.shared`: no VM is called so."""
    return disk.replace("/", ".") if "/" in disk else f"{VOLUMES}.{disk}"


def disk_name(volume: str) -> str | None:
    """The reverse of `volume_name`; None for what is no disk (a seed, a console's log)."""
    owner, dot, name = volume.partition(".")
    if not dot or name in (SEED, CONSOLE) or "." in name:
        return None
    return name if owner == VOLUMES else f"{owner}/{name}"


def object_uuid(lab: str, kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, XMLNS), f"{lab}/{kind}/{name}"))


def mac_address(lab: str, vm: str, nic: str) -> str:
    """A MAC in QEMU's own prefix 52:54:00, as libvirt's generated ones."""
    digest = _digest(f"{lab}/{vm}/{nic}")
    return f"52:54:00:{digest[0:2]}:{digest[2:4]}:{digest[4:6]}"


def bridge_name(lab: str, network: str) -> str:
    """`lab-` and 8 hex digits: within the 15 characters that Linux gives an interface's name."""
    return f"{_BRIDGES}{_digest(f'{lab}/{network}')[:8]}"


def is_bridge_name(name: str) -> bool:
    """Whether some network's bridge may get that name from `bridge_name`."""
    digits = name.removeprefix(_BRIDGES)
    return digits != name and len(digits) == 8 and set(digits) <= set("0123456789abcdef")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
