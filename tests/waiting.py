"""Waiting for what other processes and threads do."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def wait_until(condition: Callable[[], object], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def opened(path: Path, pid: int | str = "self") -> list[Path]:
    """The process's descriptors of a file; none where it has ended."""
    found = []
    for each in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(FileNotFoundError):  # closed meanwhile
            found += [each] * (each.readlink() == path)
    return found


def runs(pid: int) -> bool:
    """Whether it does; not when it ended and waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before the file was opened, or before it was read
        return False
