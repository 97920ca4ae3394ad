"""Fixtures of users with no rights, for modules that name this one in `pytest_plugins`."""

import re
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e import users as ordinary
from tests.e2e.harness import daemons
from tests.e2e.users import FAR, FAR6, HERE, HERE6, SECOND, in_far

KNOWN = {".local", ".cache", ".config", "share", "state", "labctl"}
OTHERS = re.compile(r"/run/libvirt/|/run/labctl-e2e|/tmp/(pytest-of|labctl-tests)-")
READABLE = Path("/tmp/labctl-tests-micro")


@pytest.fixture(scope="module")
def people(view):
    """Alice and Bob may have namespaces, Carol has no uids for them. None of them reaches the system's libvirt."""
    closed = Path("/run/libvirt")
    mode = closed.stat().st_mode
    closed.chmod(0o700)
    with ordinary.added(view, ("alice", "bob"), ("carol",)) as users:
        yield {each.name: each for each in users}
    closed.chmod(mode)


@pytest.fixture
def unchanged():
    """Once the libvirts of all users have ended, the machine is as before.

    Interfaces, routes and processes of all users are looked at by the fixture `oracle`.
    """
    before = outside()
    yield
    left = outside() - before
    assert not left, left


@pytest.fixture
def alice(people, unchanged):
    with leaving_nothing(people["alice"]) as user:
        yield user


@pytest.fixture
def bob(people, unchanged):
    with leaving_nothing(people["bob"]) as user:
        yield user


@contextmanager
def leaving_nothing(user):
    """Once a user's own libvirt has ended, the user's home has nothing more than what is labctl's."""
    yield user
    stopped = user.labctl()("rootless", "stop", "--yes")
    assert stopped.code == 0, stopped
    daemons.wait_until(lambda: not user.processes(), f"something of {user.name} is left")
    for hidden in (".local", ".local/share", ".local/state", ".cache", ".config"):
        assert {each.name for each in (user.home / hidden).glob("*")} <= KNOWN, hidden
    assert {each.name for each in user.home.glob(".*")} <= KNOWN
    for each in KNOWN:
        shutil.rmtree(user.home / each, ignore_errors=True)


def outside():
    """Mounts, namespaces and shared files of the machine."""
    found = set(Path("/proc/self/mountinfo").read_text().splitlines())
    for link in Path("/proc").glob("[0-9]*/ns/*"):
        with suppress(OSError):  # the process ended
            found.add(str(link.readlink()))
    for folder in ("/run", "/tmp", "/dev/shm"):
        found.update(str(each) for each in Path(folder).rglob("*") if not OTHERS.match(str(each)))
    return found


@pytest.fixture(scope="module")
def readable(micro):
    """The micro guest where everybody may read it."""
    READABLE.mkdir()
    names = ("kernel", "initrd", "image")
    copies = {name: Path(shutil.copy(getattr(micro, name), READABLE)) for name in names}
    yield replace(micro, **copies)
    shutil.rmtree(READABLE)


@pytest.fixture(scope="module")
def far():
    """A machine that this one reaches, with a server."""
    for words in (
        "netns add far",
        "link add up0 type veth peer name up1",
        "link set up0 addrgenmode none",
        "link set up1 netns far",
        f"addr add {HERE}/24 dev up0",
        "link set up0 up",
        f"-n far addr add {FAR}/24 dev up1",
        "-n far link set up1 up",
        f"route add default via {FAR}",
        f"addr add {HERE6}/64 dev up0 nodad",
        "addr add fe80::2/64 dev up0 nodad",
        f"-n far addr add {FAR6}/64 dev up1 nodad",
        "-n far addr add fe80::1/64 dev up1 nodad",
        "route add default via fe80::1 dev up0",
        "link add second0 type bridge",
        "link set second0 addrgenmode none",
        f"addr add {SECOND}/24 dev second0",
        "link set second0 up",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    with in_far(f"""
import socket
import subprocess
import sys
import threading
def serve(server):
    while True:
        server.accept()[0].send(b"far")
for address, family in (("{FAR}", socket.AF_INET), ("{FAR6}", socket.AF_INET6)):
    server = socket.create_server((address, 7000), family=family)
    threading.Thread(target=serve, args=(server,)).start()
print("ready", flush=True)
"""):
        yield
    for words in ("netns del far", "link del up0", "link del second0"):
        subprocess.run(["ip", *words.split()], check=False)
