"""Another user of this host, who owns a file that root reads, and swaps its content whenever it is opened or read.

    python tests/swapper.py FILE OTHER SEED

FILE and OTHER have one length. The swap is a rename, or it is written in place and the old mtime is put back. It tells
`ready` on stdout once it watches.
"""

import ctypes
import os
import random
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STRANGER = 54321  # a uid and gid without an entry in passwd
IN_ACCESS, IN_OPEN, IN_CLOSE_NOWRITE = 0x1, 0x20, 0x10


@contextmanager
def swapping(file: Path, other: Path, seed: int) -> Iterator[None]:
    """While the block runs, the stranger swaps the file, which belongs to him, as does its folder."""
    for path in (file.parent, file, other):
        os.chown(path, STRANGER, STRANGER)
    run = subprocess.Popen(
        [sys.executable, __file__, file, other, str(seed)], stdout=subprocess.PIPE, cwd="/"
    )
    assert run.stdout is not None
    try:
        assert run.stdout.readline() == b"ready\n"
        yield
    finally:
        run.kill()
        run.wait()
        run.stdout.close()


def main(file: Path, other: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    contents = [file.read_bytes(), other.read_bytes()]
    times = file.stat().st_mtime_ns
    libc = ctypes.CDLL(None, use_errno=True)
    os.setgroups([])  # not before: the stranger may not be able to read Python's own files
    os.setgid(STRANGER)
    os.setuid(STRANGER)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, bytes(file.parent), IN_ACCESS | IN_OPEN | IN_CLOSE_NOWRITE) >= 0
    print("ready", flush=True)
    now = 0
    while True:
        select.select([watch], [], [])
        drain(watch)
        if chance.random() < 0.5:
            continue
        now = 1 - now
        if chance.random() < 0.5:
            spare = file.with_name("spare")
            spare.write_bytes(contents[now])
            os.utime(spare, ns=(times, times))
            spare.replace(file)
        else:
            with file.open("r+b") as opened:
                opened.write(contents[now])
            os.utime(file, ns=(times, times))
        drain(watch)  # what it did itself


def drain(watch: int) -> None:
    try:
        while os.read(watch, 1 << 16):
            pass
    except BlockingIOError:
        return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
