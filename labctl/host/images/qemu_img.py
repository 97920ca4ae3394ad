"""qemu-img on files that nobody vouches for.

The file's header was checked in Python before. Should QEMU's parsers be wrong nevertheless, then in a process that has
little: descriptors of the one file and of the result, an empty environment, bounded memory, time and output, no way to
more privileges, no network where the kernel lets us, and for root the identity of nobody. It is told the format and
the protocol, and to open no backing file, whatever the image says.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.machine import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Progress = Callable[[int, int], None]  # bytes done, bytes in all

TOOLS = {"qemu-img": "qemu-utils", "setpriv": "util-linux", "unshare": "util-linux", "prlimit": "util-linux"}
NOBODY = 65534  # the kernel's overflow id: owns nothing
MEMORY = 2 << 30  # of address space; 64 threads' stacks are 512 MiB of it, a real image takes 30 MiB
# Nothing of ours, which may hold secrets. Each thread's own arena would reserve 64 MiB.
ENVIRONMENT = ("LC_ALL=C.UTF-8", "MALLOC_ARENA_MAX=2")
SLOWEST = 8 << 20  # bytes of the disk per second of CPU time
SPARE_S, SPARE_BYTES = 60, 64 << 20
OPEN_FILES = 64
LEAKS = 3  # qemu-img check's exit code: space lost, nothing wrong
OPTIONS = {
    "vpc": {"force_size_calc": "current_size"}
}  # rather than the geometry, by the name of some programs
DONE = re.compile(r"\s*\((\d+\.\d+)/100%\)\s*")
LIMITS = {-signal.SIGXCPU: "CPU time", -signal.SIGXFSZ: "space"}


@record
class Source:
    """An open file, its `format` as QEMU names it, and the `virtual_size` in bytes that its header told."""

    file: BinaryIO
    format: str
    virtual_size: int


def convert(source: Source, target: BinaryIO, folder: Path, progress: Progress) -> None:
    """Write the disk into `target`, an empty file of ours, as qcow2; `folder` has room for a copy of a private source.

    LabctlError with QEMU's words when it can't be read, or takes more than it may.
    """
    size = source.virtual_size
    limits = _limits(size, file_bytes=size + size // 256 + SPARE_BYTES)
    with _readable(source.file, folder) as descriptor, _writable(target):
        argv = ["convert", "-p", "-f", source.format, "-O", "qcow2"]
        names = [_node(source.format, descriptor), f"/proc/self/fd/{target.fileno()}"]

        def follow(line: str) -> None:
            if match := DONE.fullmatch(line):
                progress(int(source.virtual_size * float(match[1]) / 100), source.virtual_size)

        _run([*argv, *names], follow, (descriptor, target.fileno()), limits)


def check(source: Source, folder: Path) -> None:
    """Have QEMU compare the file's tables with one another. LabctlError for errors; lost space is none."""
    limits = _limits(source.virtual_size, file_bytes=0)
    with _readable(source.file, folder) as descriptor:
        argv = ["check", "-f", source.format, _node(source.format, descriptor)]
        _run(argv, lambda _line: None, (descriptor,), limits, fine=LEAKS)


def _run(
    argv: Sequence[str], tell: Callable[[str], None], files: tuple[int, ...], limits: list[str], fine: int = 0
) -> None:
    missing = sorted({package for tool, package in TOOLS.items() if command.path(tool) is None})
    if missing:
        raise LabctlError(f"this needs {', '.join(missing)}", hint=f"apt install {' '.join(missing)}")
    under = [*without_network(), *_identity(), "prlimit", *limits, "--", "env", "-i", *ENVIRONMENT]
    try:
        command.run([str(command.path("qemu-img")), *argv], tell, under=under, pass_fds=files)
    except command.Failed as failed:
        if failed.code != fine or not fine:
            raise _error(failed) from None


def _error(failed: command.Failed) -> LabctlError:
    limit = LIMITS.get(failed.code)
    if limit:
        return LabctlError(f"qemu-img was ended: the image takes too much {limit}", hint="do not trust it")
    lines = [line for line in failed.lines if line and not DONE.fullmatch(line)]
    return LabctlError(f"qemu-img can't use the image ({failed.code}):\n" + "\n".join(lines))


def _node(format: str, descriptor: int) -> str:  # noqa: A002 - QEMU's own term
    """The image as QEMU's block layer names it, leaving it nothing to find out (qapi/block-core.json)."""
    file = {"driver": "file", "filename": f"/proc/self/fd/{descriptor}"}
    return "json:" + json.dumps({"driver": format, "file": file, "backing": None, **OPTIONS.get(format, {})})


def _limits(virtual_size: int, *, file_bytes: int) -> list[str]:
    cpu_s = SPARE_S + virtual_size // SLOWEST
    sizes = {
        "as": MEMORY,
        "fsize": file_bytes,
        "cpu": f"{cpu_s}:{cpu_s + 5}",
        "core": 0,
        "nofile": OPEN_FILES,
    }
    return [f"--{name}={size}" for name, size in sizes.items()]


def _identity() -> list[str]:
    """Nobody where we are root; pdeathsig again, for a change of identity clears it."""
    nobody = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *nobody, "--inh-caps=-all", "--no-new-privs", "--pdeathsig=KILL", "--"]


@cache
def without_network() -> tuple[str, ...]:
    """How to run something without any network; nothing where that is not allowed, as in many containers."""
    user = () if os.geteuid() == 0 else ("--user", "--map-current-user")
    prefix = ("unshare", *user, "--net", "--")
    with suppress(OSError):
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix
    return ()


# --- files that nobody can open ------------------------------------------------------------------------------
#
# qemu-img takes names only. /proc/self/fd/N opens the same file again, without its path's permissions, but with its
# own: nobody can't open a file that is root's alone.


@contextmanager
def _readable(file: BinaryIO, folder: Path) -> Iterator[int]:
    """A descriptor that the process may open again: the file's own, or one of a copy without a name."""
    facts = os.fstat(file.fileno())
    if os.geteuid() != 0 or facts.st_mode & stat.S_IROTH:
        yield file.fileno()
        return
    with tempfile.TemporaryFile(dir=folder, buffering=0) as copy:
        _copy(file.fileno(), copy.fileno(), facts.st_size)
        os.fchmod(copy.fileno(), 0o444)
        yield copy.fileno()


@contextmanager
def _writable(file: BinaryIO) -> Iterator[None]:
    """The file is nobody's for the time being."""
    facts = os.fstat(file.fileno())
    if os.geteuid() == 0:
        os.fchown(file.fileno(), NOBODY, NOBODY)
    try:
        yield
    finally:
        if os.geteuid() == 0:
            os.fchown(file.fileno(), facts.st_uid, facts.st_gid)


def _copy(source: int, target: int, size: int) -> None:
    """Copy the data and leave the holes."""
    os.truncate(target, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:  # ENXIO: no more data
            return
        end = os.lseek(source, at, os.SEEK_HOLE)
        os.lseek(target, at, os.SEEK_SET)
        while at < end:
            sent = os.sendfile(target, source, at, end - at)
            if not sent:
                return  # it became shorter: convert() sees that it changed
            at += sent
