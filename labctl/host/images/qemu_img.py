"""qemu-img on untrusted images, in a confined process.

The header of the image was checked in Python before. In case QEMU's parsers have a hole nevertheless, the process can
do little: it has descriptors of the image and of the result, an empty environment, limited memory, time and output, no
way to gain privileges, no network where the kernel allows that, and the identity of nobody where labctl runs as root.
The file is one that only labctl can write to, so that nobody changes it after its header was checked; and everybody may
read it, since opening /proc/self/fd/N, the name that qemu-img is given, checks its permissions again.
qemu-img is told the format and the protocol, and to open no backing file, whatever the image says.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.machine import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Progress = Callable[[int, int], None]  # bytes of the disk that are done, bytes of the disk in all

TOOLS = {"qemu-img": "qemu-utils", "setpriv": "util-linux", "unshare": "util-linux", "prlimit": "util-linux"}
NOBODY = 65534  # the kernel's overflow id, which owns nothing
MEMORY = (
    2 << 30
)  # bytes of address space: the stacks of 64 threads take 512 MiB, the work on a real image 30 MiB
# None of labctl's own variables, which may hold secrets. By default malloc reserves 64 MiB in each thread.
ENVIRONMENT = ("LC_ALL=C.UTF-8", "MALLOC_ARENA_MAX=2")
SLOWEST = 8 << 20  # bytes of the disk per second of CPU time
SPARE_S, SPARE_BYTES = 60, 64 << 20
OPEN_FILES = 64
LEAKS = 3  # exit code of `qemu-img check` for clusters that nothing uses, which does no harm
# QEMU would take the size from the geometry for some creators of the file, and from the size field for others
OPTIONS = {"vpc": {"force_size_calc": "current_size"}}
PROGRESS_LINE = re.compile(r"\s*\((\d+\.\d+)/100%\)\s*")
LIMIT_BY_EXIT_CODE = {-signal.SIGXCPU: "CPU time", -signal.SIGXFSZ: "space"}


@record
class OpenImage:
    """An open image whose header was checked: its `format` in QEMU's words, and its `virtual_size` in bytes."""

    file: BinaryIO
    format: str
    virtual_size: int


def convert(source: OpenImage, target: BinaryIO, progress: Progress) -> None:
    """Convert an image to qcow2.

    Args:
        source: the image.
        target: an empty file of this user, which becomes the qcow2.
        progress: is called with the bytes of the disk that are done, and all of them.

    Raises:
        LabctlError: qemu-img failed, whose output is in the error, or reached one of its limits.
    """
    size = source.virtual_size
    limits = _limits(size, file_bytes=size + size // 256 + SPARE_BYTES)
    with _writable(target):
        argv, descriptor = ["convert", "-p", "-f", source.format, "-O", "qcow2"], source.file.fileno()
        names = [_node(source.format, descriptor), f"/proc/self/fd/{target.fileno()}"]

        def follow(line: str) -> None:
            if match := PROGRESS_LINE.fullmatch(line):
                progress(int(source.virtual_size * float(match[1]) / 100), source.virtual_size)

        _run([*argv, *names], follow, (descriptor, target.fileno()), limits)


def check(source: OpenImage) -> None:
    """Have `qemu-img check` compare the image's tables with each other. LabctlError for errors other than leaks."""
    limits = _limits(source.virtual_size, file_bytes=0)
    descriptor = source.file.fileno()
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
    limit = LIMIT_BY_EXIT_CODE.get(failed.code)
    if limit:
        return LabctlError(f"qemu-img was ended: the image takes too much {limit}", hint="do not trust it")
    lines = [line for line in failed.lines if line and not PROGRESS_LINE.fullmatch(line)]
    return LabctlError(f"qemu-img can't use the image ({failed.code}):\n" + "\n".join(lines))


def _node(format: str, descriptor: int) -> str:  # noqa: A002 - QEMU's own term
    """Name the image as a block node with all options, so that QEMU probes nothing (qapi/block-core.json)."""
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
    """The call of setpriv: as nobody if this is root. It sets pdeathsig once more, since a change of user clears it."""
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


@contextmanager
def _writable(file: BinaryIO) -> Iterator[None]:
    """While the block runs, the file belongs to the user nobody if this is root."""
    facts = os.fstat(file.fileno())
    if os.geteuid() == 0:
        os.fchown(file.fileno(), NOBODY, NOBODY)
    try:
        yield
    finally:
        if os.geteuid() == 0:
            os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
