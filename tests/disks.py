"""Raw images that labctl takes for images, since a boot sector shows that they are disks."""

from pathlib import Path

BOOT_SECTOR = bytes(510) + b"\x55\xaa"


def raw(path: Path, size: int = 1024, data: bytes = b"") -> Path:
    """Write a disk of `size` bytes, with some data behind its boot sector."""
    with path.open("wb") as file:
        file.write(BOOT_SECTOR + data)
        file.truncate(max(size, file.tell()))
    return path
