"""Snapshots of four guests, against virsh saving and restoring the memory of the same four at once.

Run as a script, it is the bare side of a restore, as a process of its own.
"""

import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench import labs
from tests.bench.guest_clock import set_clock
from tests.bench.measure import PYTHON, ROUNDS, labctl, row, row_of_pairs, timed

COUNT = 4
SAVED = Path("/var/lib/libvirt/images/bench-saved")  # beside the pool of the lab, on the same disk


def rows(folder: Path) -> None:
    """`snapshot save` and `restore`; both sides are of the same guests, in turns."""
    (folder / "Labfile.yaml").write_text(labs.micro(COUNT))
    timed(labctl(folder, "up", "--yes", "--trust"))
    SAVED.mkdir()
    rounds = [one_round(folder) for _ in range(ROUNDS + 1)][1:]  # the first one warms both sides up
    SAVED.rmdir()
    saves, restores, pauses = zip(*rounds, strict=True)
    of = f"{COUNT} micro guests"
    row_of_pairs(f"`snapshot save` of {of}, to `virsh save` of them at once", saves, "at most 1.2")
    row("… for which they were paused", f"{statistics.median(pauses):.2f} s", "told")
    name = f"`snapshot restore` of {of} until each has answered, to `virsh restore` of them at once"
    row_of_pairs(name, restores, "at most 1.2")
    timed(labctl(folder, "destroy", "--yes"))


def one_round(folder: Path) -> tuple[tuple[float, float], tuple[float, float], float]:
    """The seconds of a save and of a restore, ours and theirs, and those of the pause."""
    save = timed(labctl(folder, "snapshot", "save", "bench"))
    shown = subprocess.run(
        labctl(folder, "snapshot", "show", "bench", "--json"), check=True, capture_output=True
    ).stdout
    restore = timed(labctl(folder, "snapshot", "restore", "bench", "--yes"))
    timed(labctl(folder, "snapshot", "delete", "bench", "--yes"))
    names = [f"bench.guest-{number}" for number in range(1, COUNT + 1)]
    at_once = " & ".join(f"virsh -q save {name} {SAVED / name}" for name in names)
    bare_save = timed(["sh", "-c", f"{at_once} & wait"])
    for name in names:
        timed(["virsh", "-q", "restore", str(SAVED / name)])  # running, as before our restore
    bare_restore = timed([PYTHON, "-m", "tests.bench.snapshots", *names])
    for name in names:
        (SAVED / name).unlink()
    return (save, bare_save), (restore, bare_restore), json.loads(shown)["snapshots"][0]["paused_s"]


def main(names: list[str]) -> None:
    """Bring running guests back to what virsh saved, until each has set its clock, as labctl does, and said so."""
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(back, names))


def back(name: str) -> None:
    for command in (["destroy", name], ["restore", SAVED / name]):
        subprocess.run(["virsh", "-q", *command], check=True, capture_output=True)
    set_clock(name)


if __name__ == "__main__":
    main(sys.argv[1:])
