"""The image store: against cp and sha256sum, against virsh, and the memory that a stream takes."""

import asyncio
import os
import resource
import subprocess
import sys
from pathlib import Path

from labctl.host.host import Host
from labctl.host.libvirt import pools, volumes
from labctl.kinds.image.driver import ImageDriver
from labctl.kinds.image.resolve import resolve_path
from labctl.kinds.image.spec import POOL
from labctl.kinds.image.store import ImageStore
from tests.disks import raw
from tests.pools import remove

URI = "qemu:///system"
MIB = 1 << 20


def sparse(path: Path) -> Path:
    """A raw image of 1 GiB with 128 MiB in it."""
    with raw(path, 1 << 30).open("r+b") as file:
        for number in range(8):
            file.seek(number * 128 * MIB + 512)
            file.write(os.urandom(16 * MIB))
    os.utime(path, (0, 0))  # not written just now: what was found out about it may be remembered
    return path


def copy_and_sum(path: Path) -> None:
    copy = path.with_suffix(".copy")
    subprocess.run(["cp", "--sparse=always", path, copy], check=True)
    subprocess.run(["sha256sum", path], check=True, capture_output=True)
    copy.unlink()


def add(path: Path) -> None:
    """Hash it, have it in the store, read back."""
    asyncio.run(ImageDriver(Host(URI)).fetch(resolve_path(path), lambda *_: None))


def drop(path: Path) -> None:
    ImageStore(Host(URI)).delete(resolve_path(path).key)


def overlays(path: Path, count: int) -> None:
    """What `up` does for as many disks."""
    host = Host(URI)
    base = volumes.path(pools.require(host.virt, POOL), resolve_path(path).volume)
    pool = pools.define(host.virt, "labctl-bench", pools.root(host.virt) / "bench")
    for number in range(count):
        volumes.create(pool, f"{number}.root", capacity=1 << 30, backing=(base, "raw"))


def bare_overlays(path: Path, count: int) -> None:
    """The same volumes by virsh, all in one shell of it, into the pool that is there."""
    base = volumes.path(pools.require(Host(URI).virt, POOL), resolve_path(path).volume)
    lines = "".join(
        f"vol-create-as labctl-bench {number}.root 1G --format qcow2 --backing-vol {base}"
        " --backing-vol-format raw\n"
        for number in range(count)
    )
    subprocess.run(["virsh", "-q"], input=lines, text=True, check=True, capture_output=True)


def no_overlays() -> None:
    remove(Host(URI).virt, "labctl-bench")


def no_store() -> None:
    remove(Host(URI).virt, POOL)


if __name__ == "__main__":  # the process whose memory is measured
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    add(Path(sys.argv[1]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
