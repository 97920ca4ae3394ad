"""`make bench`: labctl against bare tools, as ratios taken in one run, since machines are noisy.

Each pair runs in turns, A B A B …; the median of the ratios is printed. Run inside the private libvirtd.
"""

import os
import resource
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from labctl.host.files import cache
from tests.bench import bare, images, labs, snapshots, warm
from tests.bench.measure import LABCTL, PYTHON, ROUNDS, compare, labctl, peak_mib, row, spent, timed
from tests.disks import raw

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python keeps what it compiled
WIDTHS = [int(each) for each in os.environ.get("LABCTL_BENCH_NETWORKS", "50 100").split()]


def boots(folder: Path) -> None:
    """`up` until all guests are ready, against the same guests made by hand."""
    for count in (1, 2, 4):
        (folder / "Labfile.yaml").write_text(labs.micro(count))

        def ours() -> float:
            seconds = timed(labctl(folder, "up", "--yes", "--trust"))
            timed(labctl(folder, "destroy", "--yes"))
            return seconds

        compare(
            f"`up` of {count} micro guests until ready",
            ours,
            lambda n=count: bare.boot(n, folder),
            "at most 1.10",
        )


def getting_in(folder: Path) -> None:
    """Commands and files in four guests, against OpenSSH by itself, and their end against one virsh."""
    (folder / "Labfile.yaml").write_text(labs.micro(4, "512MiB", step="true"))
    timed(labctl(folder, "up", "--yes", "--trust"))
    config = subprocess.run(labctl(folder, "ssh-config"), check=True, capture_output=True).stdout
    (folder / "config").write_bytes(config)
    ssh = ["ssh", "-F", str(folder / "config")]
    shared = [*ssh, *(f"-oControl{key}" for key in ("Master=auto", f"Path={folder}/control", "Persist=600"))]
    commands = [
        (timed(labctl(folder, "ssh", "guest-1", "--", "true")), timed([*shared, "guest-1", "true"]))
        for _ in range(8)
    ][1:]  # the first ones connect
    more = statistics.median(ours - theirs for ours, theirs in commands)
    row("`labctl ssh VM -- true` over ssh with ControlMaster", f"{more:.2f} s more", "0.25 s more")
    parallel = " & ".join(f"{' '.join(ssh)} guest-{number} true" for number in range(1, 5))
    compare(
        "`exec --all -- true` in 4 guests, to 4 ssh in parallel",
        lambda: timed(labctl(folder, "exec", "--all", "--", "true")),
        lambda: timed(["sh", "-c", f"{parallel} & wait"]),
        "at most 1.2",
    )
    a_step(folder)
    a_copy(folder, ssh, shared)
    timed([*shared, "-O", "exit", "guest-1"])
    ours = timed(labctl(folder, "destroy", "--yes"))
    theirs = bare.lived(4, folder)[1]
    row(
        "`destroy` of 4 guests, to one virsh",
        f"{ours / theirs:.2f} times ({ours:.2f} s to {theirs:.2f} s)",
        "at most 1.2",
    )


def a_step(folder: Path) -> None:
    """A shell step in guests that have done it before, over a command by itself."""
    step = labctl(folder, "provision", "--again", "--yes")
    command = labctl(folder, "exec", "--all", "--", "true")
    pairs = [(timed(step), timed(command)) for _ in range(6)][1:]
    more = statistics.median(ours - theirs for ours, theirs in pairs)
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    found = f"{more:.2f} s more ({mine:.2f} s to {other:.2f} s)"
    row("a shell step of `true` in 4 guests, over `exec --all -- true`", found, "1 s more")


def a_copy(folder: Path, ssh: list[str], shared: list[str]) -> None:
    """A large file into a guest, by `ssh` and by labctl; `shared` is ssh with a shared connection."""
    timed([*shared, "guest-1", "mount -t tmpfs -o size=320m tmpfs /mnt"])  # its disk is small
    big = raw(folder / "big", data=os.urandom(1 << 20) * 200)
    pairs = []
    for _ in range(3):
        theirs = timed(["sh", "-c", f"{' '.join(ssh)} guest-1 'cat >/mnt/big' <{big}"])
        timed([*shared, "guest-1", "rm /mnt/big"])  # `copy` writes beside what is there: both need room
        pairs.append((timed(labctl(folder, "copy", str(big), "guest-1:/mnt/big")), theirs))
        timed([*shared, "guest-1", "rm /mnt/big"])
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    found = f"{ratio:.2f} times ({pairs[0][0]:.1f} s to {pairs[0][1]:.1f} s)"
    row("`copy` of 200 MiB into a guest, to `cat` by ssh: it has no scp", found, "at most 1.1")


def resident(folder: Path) -> None:
    """The memory that a guest takes of the host, translated code and all."""
    (folder / "Labfile.yaml").write_text(labs.micro(2))
    timed(labctl(folder, "up", "--yes", "--trust"))
    pids = [int(path.read_text()) for path in Path("/run/libvirt/qemu").glob("bench.*.pid")]
    fields = [line.split() for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    mine = [int(words[1]) >> 10 for words in fields if words[0] == "VmRSS:"]
    timed(labctl(folder, "destroy", "--yes"))
    row(
        "resident memory of an emulated guest of 160 MiB",
        f"{statistics.mean(mine):.0f} MiB",
        "at most 300 MiB",
    )


def nothing_to_do(folder: Path) -> None:
    """`status` and `up` of VMs that are as they should be, against a bare pass over all domains."""
    bare_pass = [PYTHON, "-c", bare.ONE_LOOK]
    goals = {2: ("0.25 s", "0.4 s"), 100: ("none", "0.8 s, and at most 5 times")}
    for count, (status_goal, up_goal) in goals.items():
        (folder / "Labfile.yaml").write_text(labs.defined(count))
        status, up = labctl(folder, "status"), labctl(folder, "up", "--yes", "--trust")
        timed(up)
        for name, command, goal in (("status", status, status_goal), ("up", up, up_goal)):
            compare(
                f"`{name}` of {count} VMs as they should be, to a bare pass",
                lambda command=command: timed(command),
                lambda: timed(bare_pass),
                goal,
                7,
            )
        more = peak_mib(up) - peak_mib([PYTHON, "-c", "import libvirt"])
        row("its memory over python with libvirt", f"{more:.0f} MiB", "at most 60 MB")
        timed(labctl(folder, "destroy", "--yes"))


def wide(folder: Path) -> None:
    """Many networks with a VM on each: of a network libvirt takes as long as it takes, so these have one round."""
    for count in WIDTHS:
        (folder / "Labfile.yaml").write_text(labs.networks(count))
        mine = [timed(labctl(folder, *verb, "--yes")) for verb in (("up", "--trust"), ("destroy",))]
        script = [PYTHON, "-m", "tests.bench.networks", str(count)]
        run = subprocess.run(script, capture_output=True, text=True, check=True)
        for verb, seconds, bare_s in zip(
            ("up", "destroy"), mine, map(float, run.stdout.split()), strict=True
        ):
            found = f"{seconds / bare_s:.2f} times ({seconds:.1f} s to {bare_s:.1f} s, {bare_s / count:.2f} s each)"
            row(f"`{verb}` of {count} networks and VMs, to bare calls", found, "at most 1.2")


def stores(folder: Path) -> None:
    """The image store."""
    image = images.sparse(folder / "image.raw")

    def added() -> float:
        shutil.rmtree(cache.folder("digests"), ignore_errors=True)  # it is hashed each time
        seconds = spent(images.add, image)
        images.drop(image)
        return seconds

    compare(
        "adding a sparse image of 1 GiB, to `cp --sparse` and `sha256sum`",
        added,
        lambda: spent(images.copy_and_sum, image),
        "at most 1.3",
    )
    images.add(image)

    def made(make: Callable[[Path, int], None]) -> float:
        images.no_overlays()
        images.overlays(image, 0)  # the pool alone
        return spent(make, image, 50)

    compare(
        "50 overlays, to 50 `vol-create` in one virsh",
        lambda: made(images.overlays),
        lambda: made(images.bare_overlays),
        "at most 1.2",
    )
    images.no_overlays()
    images.no_store()
    full = raw(folder / "full.raw", data=os.urandom(1 << 20) * 512)
    run = subprocess.run(
        [PYTHON, "-m", "tests.bench.images", str(full)], capture_output=True, text=True, check=True
    )
    row("memory while 512 MiB stream into the store", f"{int(run.stdout) >> 10} MiB more", "at most 64 MB")
    images.no_store()


def plans(folder: Path) -> None:
    """`plan` of a large Labfile on libvirt's test driver."""
    node = f"test://{Path(__file__).parents[1] / 'libvirt' / 'node.xml'}"
    seconds = {}
    for count in (100, 1000):
        (folder / "Labfile.yaml").write_text(labs.large(count))
        command = [*labctl(folder, "plan"), "-c", node]
        timed(command)
        seconds[count] = statistics.median(timed(command) for _ in range(ROUNDS))
    row("`plan` of 1,000 VMs on an empty node", f"{seconds[1000]:.2f} s", "2 s")
    row("… to 100 VMs", f"{seconds[1000] / seconds[100]:.1f} times", "at most 10: linear")


def start() -> None:
    version, empty = [LABCTL, "--version"], [PYTHON, "-c", ""]
    more = [(timed(version) - timed(empty)) * 1000 for _ in range(15)]
    row("`labctl --version` over `python -c ''`", f"{statistics.median(more):.0f} ms", "at most 80 ms")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="labctl-bench-"))
    print("| what | measured | goal |\n|---|---|---|")
    try:
        start()
        plans(folder)
        nothing_to_do(folder)
        wide(folder)
        stores(folder)
        resident(folder)
        getting_in(folder)
        snapshots.rows(folder)
        warm.rows(folder)
        boots(folder)
    finally:
        shutil.rmtree(folder)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\n{used.ru_utime + used.ru_stime:.0f} s of CPU in all, {ROUNDS} rounds of each boot")


if __name__ == "__main__":
    main()
