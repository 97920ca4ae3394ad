"""Downloads by processes of their own: many at once, killed in the middle, short of disk, short of memory."""

import hashlib
import os
import subprocess
import sys
import threading

import pytest

from labctl.host.downloads.download import RemoteFile, fetch
from labctl.host.files import cache
from tests.answers import CONTENT, MIB, after, whole, zeros
from tests.waiting import wait_until

DIGEST = hashlib.sha256(CONTENT).hexdigest()
BIG = 192 * MIB

# Says that it is about to begin, waits for a line, and then tells the path and by how much its memory grew, in KiB.
FETCH = """
import re, sys
from pathlib import Path
from labctl.host.downloads import download
from labctl.host.downloads import https
from labctl.host.machine import lock

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

print("ready", flush=True)
sys.stdin.readline()
before = peak()
print(download.fetch(download.RemoteFile(*sys.argv[1:]), lambda done, total: None))
print(peak() - before)
"""


def start(server, digest: str = DIGEST, before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", before + FETCH, server.url, "sha256", digest],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def part_of(digest: str = DIGEST):
    return cache.folder("downloads") / f"sha256-{digest}.part"


def test_ten_processes_make_one_request(server) -> None:
    """All of them are in fetch before the first byte comes."""
    everyone_waits = threading.Event()
    server.answers = [after(everyone_waits, whole)]
    processes = [start(server) for _ in range(10)]
    for each in processes:
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        each.stdin.write("\n")
        each.stdin.flush()
    wait_until(lambda: server.requests)
    everyone_waits.set()
    told = [each.communicate(timeout=60)[0].splitlines()[0] for each in processes]
    assert told == [str(cache.folder("downloads") / f"sha256-{DIGEST}")] * 10
    assert server.requests == [""]


def test_a_download_that_is_killed_goes_on_where_it_was(server) -> None:
    over = threading.Event()
    server.answers = [after(over, whole, first=MIB), whole]
    process = start(server)
    process.stdin.write("\n")
    process.stdin.flush()
    wait_until(lambda: part_of().exists() and part_of().stat().st_size == MIB)
    process.kill()
    process.communicate()
    over.set()
    assert fetch(RemoteFile(server.url, "sha256", DIGEST), lambda *_: None).read_bytes() == CONTENT
    assert server.requests == ["", f"bytes={MIB}-"]
    assert not part_of().exists()


def test_a_disk_that_fills_up_is_told_and_what_came_is_kept(server) -> None:
    """The kernel takes part of a write and refuses the rest, as a full disk does."""
    limit = MIB + 1000
    server.answers = [whole]
    full = start(
        server, before=f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    )
    _, errors = full.communicate("\n", timeout=60)
    assert "no space left" in errors
    assert part_of().read_bytes() == CONTENT[:limit]
    assert fetch(RemoteFile(server.url, "sha256", DIGEST), lambda *_: None).read_bytes() == CONTENT
    assert server.requests == ["", f"bytes={limit}-"]


@pytest.mark.parametrize("resumed", [False, True], ids=["from the start", "from a part"])
def test_memory_does_not_grow_with_the_file(server, resumed) -> None:
    whole_digest = hashlib.sha256()
    for _ in range(BIG // MIB):
        whole_digest.update(bytes(MIB))
    digest = whole_digest.hexdigest()
    server.answers = [zeros(BIG)]
    if resumed:
        part_of(digest).touch()
        os.truncate(part_of(digest), BIG)
    output, errors = start(server, digest).communicate("\n", timeout=120)
    assert errors == ""
    grown = int(output.splitlines()[-1])
    assert grown < 24 << 10
    assert len(server.requests) == (0 if resumed else 1)
