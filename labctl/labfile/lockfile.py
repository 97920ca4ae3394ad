"""Reads and writes `Labfile.lock`, which pins the images of a lab. It is beside the Labfile and committed with it.

    {"lock": 1, "images": {"debian-12": {"x86_64": {"digest": "sha512:HEX", "origin": "https://…",
                                                    "size": 3221225472}}}}

The key of an image is its name in the Labfile. `digest` is `sha256:` or `sha512:` with the digest of the published
file, or `build:` with that of the recipe and its packages. `size` is the virtual size in bytes; it is null until the
image has been fetched.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.files import checked, os_errors
from labctl.host.files.private import write_atomically
from labctl.kinds.image.spec import shown

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
_MOST = 4 << 20  # bytes
# Digests become names of files in the cache and the store, and a lock may come from someone else: nothing else is
# valid.
_DIGEST = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|build:[0-9a-f]{32}"


@record
class Pin:
    """A pinned image: its `key`, as in `ImageSpec`, the URL or path of its origin, and its virtual size."""

    key: str
    origin: str
    size: int | None = None


Lock = dict[tuple[str, str], Pin]  # by (the image's name in the Labfile, architecture)


def lock_path(labfile: Path) -> Path:
    """The path of a Labfile's lock; that of standard input (`-`) is Labfile.lock in the working directory."""
    return labfile.with_name("Labfile.lock" if labfile.name == "-" else f"{labfile.stem}.lock")


def read_lock(path: Path) -> Lock:
    """Read the pins of a lock; there are none where the file does not exist.

    Raises:
        LabctlError: the file can't be read, or is not a valid lock.
    """
    try:
        text = checked.read_anybodys(path, _MOST).decode()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        raise LabctlError(f"can't read it: {error}", where=str(path), hint=_RESTORE) from error

    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LabctlError(f"can't read it: {error}", where=str(path), hint=_RESTORE) from error
    if not isinstance(document, dict) or document.get("lock") != FORMAT:
        raise LabctlError(f"not a lock of format {FORMAT}", where=str(path), hint=_RESTORE)
    try:
        return {
            (image, arch): _pin(fields)
            for image, arches in document["images"].items()
            for arch, fields in arches.items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LabctlError("an entry of it is wrong or incomplete", where=str(path), hint=_RESTORE) from error


_RESTORE = "restore it from version control, or remove it: the next `up` pins what is current then"


def _pin(fields: Any) -> Pin:
    digest, origin, size = fields["digest"], fields["origin"], fields["size"]
    if not re.fullmatch(_DIGEST, digest) or not isinstance(origin, str):
        raise ValueError(digest)
    if size is not None and (type(size) is not int or size < 0):
        raise ValueError(size)
    return Pin(digest.replace(":", "-", 1), origin, size)


def write_lock(path: Path, lock: Lock) -> bool:
    """Write a lock atomically. Gives False, and writes nothing, where the file has the same content already."""
    images: dict[str, dict[str, Any]] = {}
    for (image, arch), pin in sorted(lock.items()):
        digest = shown(pin.key)
        images.setdefault(image, {})[arch] = {"digest": digest, "origin": pin.origin, "size": pin.size}

    text = json.dumps({"lock": FORMAT, "images": images}, indent=2, ensure_ascii=False) + "\n"
    with os_errors.translated("can't write it", path):
        with suppress(FileNotFoundError):
            if checked.read_anybodys(path, _MOST) == text.encode():
                return False
        write_atomically(path, text.encode(), 0o644)  # committed, and read by others
    return True
