"""How the bench measures whole processes, and how it prints what it found."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PYTHON = sys.executable
LABCTL = str(Path(PYTHON).with_name("labctl"))  # as users call it
ROUNDS = int(os.environ.get("LABCTL_BENCH_ROUNDS", "3"))


def timed(command: list[str], **environ: str) -> float:
    """Seconds of a whole process, which has to succeed."""
    began = time.perf_counter()
    run = subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if run.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {run.returncode}:\n{run.stdout}{run.stderr}")
    return seconds


def peak_mib(command: list[str]) -> float:
    """The peak memory of a process in MiB."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL,"
        " stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    run = subprocess.run([PYTHON, "-c", code, *command], capture_output=True, text=True, check=True)
    return int(run.stdout) / 1024


def compare(
    name: str, ours: Callable[[], float], theirs: Callable[[], float], goal: str, rounds: int = ROUNDS
) -> None:
    ours(), theirs()  # warm both up
    row_of_pairs(name, [(ours(), theirs()) for _ in range(rounds)], goal)


def row_of_pairs(name: str, pairs: list[tuple[float, float]], goal: str) -> None:
    """A row of pairs of seconds, ours and theirs."""
    ratio = statistics.median(a / b for a, b in pairs)
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    row(name, f"{ratio:.2f} times ({mine:.2f} s to {other:.2f} s)", goal)


def spent(work: Callable[..., None], *args: object) -> float:
    """Seconds of a call."""
    began = time.perf_counter()
    work(*args)
    return time.perf_counter() - began


def row(name: str, found: str, goal: str) -> None:
    print(f"| {name} | {found} | {goal} |", flush=True)


def labctl(folder: Path, *words: str) -> list[str]:
    return [LABCTL, "-f", str(folder / "Labfile.yaml"), *words]
