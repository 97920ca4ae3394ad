"""Which libvirt an ordinary user gets, by how the system's is open to them."""

import signal
from pathlib import Path

import pytest

from tests.e2e.harness import daemons
from tests.e2e.users import blank

pytest_plugins = ["tests.e2e.people"]

CONFIGURATION = Path("/etc/libvirt/libvirtd.conf")
LOCKS = Path("/run/lock")
NONE, POLKIT = 'auth_unix_rw = "none"', 'auth_unix_rw = "polkit"'
OWN, SYSTEM = (
    "`labctl`, since the system's libvirt {}",
    "`labctl -c rootless`; without -c it is qemu:///system",
)


@pytest.fixture
def open_to_all(people):
    """The socket of the system's libvirt is, as in Fedora and Arch."""
    Path("/run/libvirt").chmod(0o755)
    yield
    Path("/run/libvirt").chmod(0o700)


@pytest.fixture
def polkit(open_to_all):
    """Polkit decides who may come in; there is none here, which would say yes."""
    before = CONFIGURATION.read_text()
    assert NONE in before
    CONFIGURATION.write_text(before.replace(NONE, POLKIT))
    daemons.restart()
    yield
    CONFIGURATION.write_text(before)
    daemons.restart()


def use(lab):
    return lab.ok("rootless", "status").stdout.partition("what uses it: ")[2].strip()


def test_who_would_be_asked_for_a_password_has_their_own(alice, polkit):
    lab = blank(alice)
    assert use(lab) == OWN.format("asks you for a password")
    begun = lab.ok("plan")
    assert "the system's libvirt asks you for a password: starting a libvirt of your own" in begun.stderr
    assert "lab shop on your own libvirt, rootless" in begun.stdout
    refused = lab.run("plan", "-c", "qemu:///system")
    assert refused.code == 1
    assert "can't connect to libvirt" in refused.stderr
    assert "`-c rootless` needs no rights" in refused.stderr


def test_a_socket_that_a_killed_daemon_left_is_no_libvirt(alice, open_to_all):
    lab = blank(alice)
    assert use(lab) == SYSTEM
    daemons.stop(signal.SIGKILL)
    assert daemons.SOCKET.exists()
    try:
        assert use(lab) == OWN.format("does not run")
        assert "since the system's does not run" in lab.ok("doctor").stdout
    finally:
        daemons.start()


@pytest.fixture
def locks():
    """Those that a run takes on the system's libvirt stay behind it, for all users."""
    before = set(LOCKS.iterdir())
    yield
    for each in set(LOCKS.iterdir()) - before:
        each.unlink()


def test_a_lab_stays_where_it_is_when_the_systems_libvirt_opens(alice, locks):
    lab = blank(alice)
    lab.content["vms"]["web"]["forwards"] = ["8080:80"]
    assert use(lab) == OWN.format("is closed to you")
    lab.up()
    Path("/run/libvirt").chmod(0o755)
    try:
        assert "`labctl -c rootless status` looks there" in lab.ok("status").stderr
        assert "nothing of this lab is on qemu:///system" in lab.ok("plan").stderr
        assert "no lab on qemu:///system" in lab.ok("list").stderr
        assert "local files stay" in lab.ok("destroy", "--yes").stderr
        assert (alice.home / "lab/.labctl/shop/digest.key").exists()
        assert lab.ok("plan", "-c", "rootless").stdout.startswith("nothing to do")
        lab.ok("destroy", "--yes", "-c", "rootless")
    finally:
        Path("/run/libvirt").chmod(0o700)
    assert not (alice.home / "lab/.labctl").exists()
