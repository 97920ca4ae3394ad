"""Ordinary users of the tests' machine, with what useradd gives them: a home, and ranges of uids and gids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.conftest import Labctl
from tests.e2e.labfiles import Lab, blank_lab

if TYPE_CHECKING:
    from collections.abc import Iterator

HOMES = Path("/tmp/labctl-tests-homes")
FIRST = 4001  # the first uid
IDS = 65536
HERE, FAR = "10.77.0.2", "10.77.0.1"  # this machine, and one that it reaches
HERE6, FAR6 = "fd77::2", "fd77::1"
SECOND = "10.78.0.2"  # another address of this machine
IN_FAR = ("ip", "netns", "exec", "far")  # executes a program on the far machine
FILES = ("passwd", "group", "subuid", "subgid")


@dataclass(frozen=True)
class User:
    """A user; `view` has Python and labctl where everybody may read them."""

    name: str
    uid: int
    view: Path

    @property
    def home(self) -> Path:
        return HOMES / self.name

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "USER": self.name,
            "LD_LIBRARY_PATH": str(self.view / "python/lib"),  # where Python is not the system's
            "PYTHONPATH": f"{self.view / 'labctl'}:{self.view / 'packages'}",
            "NO_COLOR": "1",
        }

    @property
    def python(self) -> Path:
        return self.view / f"python/bin/python{sys.version_info.major}.{sys.version_info.minor}"

    def identity(self, **environment: str) -> dict[str, Any]:
        """Arguments of Popen, by which a program runs as this user."""
        known = {**self.environment(), **environment}
        return {"user": self.uid, "group": self.uid, "extra_groups": [], "env": known}

    def labctl(self, folder: str = "lab") -> UserLabctl:
        made = self.home / folder
        if not made.exists():
            made.mkdir(parents=True)
            os.chown(made, self.uid, self.uid)
        return UserLabctl(made, user=self)

    @property
    def subordinate(self) -> range:
        """The user's subordinate uids, and gids."""
        first = IDS * (self.uid - FIRST + 4)
        return range(first, first + IDS)

    def processes(self) -> dict[int, str]:
        """PID → arguments of what runs as this user, or with one of the uids of the range."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                owner, name = folder.stat().st_uid, (folder / "comm").read_text().strip()
                words = (folder / "cmdline").read_text().replace("\0", " ").strip()
            except OSError:
                continue  # it ended
            if owner == self.uid or owner in self.subordinate:
                found[int(folder.name)] = words or name
        return found


@dataclass(frozen=True)
class UserLabctl(Labctl):
    """labctl as an ordinary user."""

    user: User = field(kw_only=True)

    @property
    def python(self) -> Path:
        return self.user.python

    def identity(self, **environment: str) -> dict[str, Any]:
        return self.user.identity(**environment)


@contextmanager
def added(view: Path, names: tuple[str, ...], without_ranges: tuple[str, ...] = ()) -> Iterator[list[User]]:
    """Users that are there while the block runs, in the tests' own mounts; some have no ranges of uids."""
    with ExitStack() as ends:
        users = [User(name, FIRST + n, view) for n, name in enumerate((*names, *without_ranges))]
        for file in FILES:
            ends.enter_context(
                _covered(
                    Path("/etc") / file,
                    "".join(
                        _line(file, each)
                        for each in users
                        if not (file.startswith("sub") and each.name in without_ranges)
                    ),
                )
            )
        for each in users:
            each.home.mkdir(parents=True, mode=0o700)
            os.chown(each.home, each.uid, each.uid)
        ends.callback(shutil.rmtree, HOMES)
        yield users


def _line(file: str, user: User) -> str:
    return {
        "passwd": f"{user.name}:x:{user.uid}:{user.uid}::{user.home}:/bin/sh\n",
        "group": f"{user.name}:x:{user.uid}:\n",
    }.get(file, f"{user.name}:{user.subordinate.start}:{IDS}\n")


@contextmanager
def _covered(file: Path, more: str) -> Iterator[None]:
    """A file of the machine with lines more."""
    own = Path("/run") / f"labctl-e2e-{file.name}"
    own.write_text((file.read_text() if file.exists() else "") + more)
    if not file.exists():
        file.touch()
    subprocess.run(["mount", "--bind", own, file], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", file], check=True)
        own.unlink()


def lab_of(user, content):
    """A lab whose Labfile is the user's too."""
    lab = Lab(user.labctl(), content)
    lab.write()
    os.chown(lab.path, user.uid, user.uid)
    return lab


def blank(user, name="shop", **vm):
    """A lab of a user's with one VM, `web`, that has nothing to boot; `vm` has more of it."""
    content = blank_lab(name, networks={"front": {}}, vms={"web": {"networks": ["front"], **vm}})
    return Lab(user.labctl(), content)


def reached_from(user, address, port):
    """Whether a program inside the user's own libvirt reaches a port."""
    return connects_from(user, f"socket.create_connection(({address!r}, {port}), 3)")


def connects_from(user, connecting):
    """Whether an expression of Python that connects comes to that inside the user's own libvirt."""
    done = user.labctl()("rootless", "exec", "--", str(user.python), "-c", CONNECTS.format(connecting))
    assert done.stdout in ("reached\n", "refused\n"), done
    return done.stdout == "reached\n"


CONNECTS = """
import socket
try:
    {}
except OSError:
    print("refused")
else:
    print("reached")
"""


@contextmanager
def in_far(program):
    """A program of Python runs on the far machine while the block does; gives its output."""
    with running(*IN_FAR, sys.executable, "-c", program) as said:
        yield said


@contextmanager
def running(*argv):
    """A program that first says that it is ready runs while the block does; gives its output."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        try:
            yield process.stdout
        finally:
            process.kill()
