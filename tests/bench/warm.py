"""A warm `up` of a lab that is gone, against a script that makes the same of what is in the store.

Run as a script, it is the bare side, as a process of its own.
"""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt

from labctl.host.libvirt import saved_memory
from tests.bench import labs
from tests.bench.guest_clock import set_clock
from tests.bench.measure import PYTHON, compare, labctl, timed

COUNT = 2
POOL = Path("/var/lib/libvirt/images/labctl-bench")
STORE = POOL.with_name("labctl-images")


def rows(folder: Path) -> None:
    """`up` of a lab that was saved and destroyed; both sides have the same memory, layers and seeds."""
    (folder / "Labfile.yaml").write_text(labs.micro(COUNT))
    up, destroy = (labctl(folder, verb, "--yes") for verb in ("up", "destroy"))
    timed([*up, "--trust", "--warm"])
    names = [f"guest-{number}" for number in range(1, COUNT + 1)]
    kept = folder / "kept"
    keep(kept, names)
    timed(destroy)

    def ours() -> float:
        seconds = timed([*up, "--trust", "--warm"])
        timed(destroy)
        return seconds

    def theirs() -> float:
        seconds = timed([PYTHON, "-m", "tests.bench.warm", str(kept), *names])
        timed(["virsh", "-q", "; ".join(f"destroy bench.{name}" for name in names)])
        timed(["virsh", "-q", "net-destroy bench.front"])
        shutil.rmtree(POOL)
        return seconds

    compare(
        f"warm `up` of {COUNT} micro guests, to `virsh restore` of them at once on new overlays",
        ours,
        theirs,
        "at most 1.3",
    )
    timed([*destroy, "--warm"])
    shutil.rmtree(kept)


def keep(kept: Path, names: list[str]) -> None:
    """Write down what the script needs and what goes with the lab: XML, and of the pool seeds, kernel and initrd."""
    shutil.copytree(POOL, kept / "pool", ignore=shutil.ignore_patterns("*.root", "*.console"))
    virt = libvirt.open("qemu:///system")
    network = virt.networkLookupByName("bench.front").XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
    (kept / "network.xml").write_text(network)
    for name in names:
        ran = saved_memory.domain_xml(virt, str(in_store(f"memory.{name}")))
        (kept / f"{name}.xml").write_text(saved_memory.without_chains(ran))
    virt.close()


def in_store(part: str) -> Path:
    (path,) = STORE.glob(f"_warm.bench.*.{part}")
    return path


def main(kept: Path, names: list[str]) -> None:
    """Make network and overlays, and bring the guests back, until each has set its clock, as labctl does."""
    virsh("net-create", kept / "network.xml")
    shutil.copytree(kept / "pool", POOL)
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(lambda name: back(kept, name), names))


def back(kept: Path, name: str) -> None:
    below, overlay = in_store(f"disk.{name}.root"), POOL / f"{name}.root"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", overlay]
    subprocess.run(command, check=True)
    xml = ("--xml", kept / f"{name}.xml")
    virsh("restore", in_store(f"memory.{name}"), *xml, "--running")  # they were paused when they were saved
    set_clock(f"bench.{name}")


def virsh(*words: str | Path) -> None:
    timed(["virsh", "-q", *map(str, words)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
