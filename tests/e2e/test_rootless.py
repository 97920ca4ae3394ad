"""labctl as a user with no rights: a libvirt of one's own, with networks and all."""

import http.client
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e import users as ordinary
from tests.e2e.harness import daemons
from tests.e2e.labfiles import Lab, blank_lab, micro_lab

READABLE = Path("/tmp/labctl-tests-micro")
SERVER = "mkdir -p /srv/w && hostname >/srv/w/name && httpd -p 80 -h /srv/w"


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
def alice(people):
    yield people["alice"]
    ended(people["alice"])


@pytest.fixture
def bob(people):
    yield people["bob"]
    ended(people["bob"])


def ended(user):
    """Nothing of a user's is left running, and nothing is mounted for them outside."""
    stopped = user.labctl()("rootless", "stop", "--yes")
    assert stopped.code == 0, stopped
    daemons.wait_until(lambda: not user.processes(), f"something of {user.name} is left")
    assert str(user.home) not in Path("/proc/self/mountinfo").read_text()
    shutil.rmtree(user.home / ".local", ignore_errors=True)


@pytest.fixture(scope="module")
def readable(micro):
    """The micro guest where everybody may read it."""
    READABLE.mkdir()
    names = ("kernel", "initrd", "image")
    copies = {name: Path(shutil.copy(getattr(micro, name), READABLE)) for name in names}
    yield replace(micro, **copies)
    shutil.rmtree(READABLE)


def blank(user, name="shop", **vm):
    content = blank_lab(name, networks={"front": {}}, vms={"web": {"networks": ["front"], **vm}})
    return Lab(user.labctl(), content)


def test_a_lab_of_one_who_has_no_rights(alice, readable):
    lab = Lab(
        alice.labctl(),
        micro_lab(
            "shop",
            readable,
            networks={"front": {}, "back": {"mode": "isolated"}},
            vms={
                "web": {"networks": ["front", "back"], "forwards": ["8080:80"]},
                "db": {"networks": ["back"]},
            },
        ),
    )
    begun = lab.ok("up", "--yes")
    assert begun.stderr.count("starting a libvirt of your own") == 1
    assert lab.plan() == {}
    lab.ssh("web", "ping -q -c 1 -W 10 db")
    lab.ssh("web", SERVER)
    assert get("127.0.0.1:8080") == "web"
    what_it_writes_is_the_users(lab, alice)
    lab.ssh("web", "echo kept >/root/note && sync")
    a_killed_holder_is_started_again(lab, alice)
    a_stop_keeps_the_lab(lab)
    lab.destroy()
    assert not list((alice.home / ".local/share/labctl/rootless/lib/images").glob("labctl-shop/*"))


def get(place):
    """What the guest behind an address of the machine says its name is."""
    connection = http.client.HTTPConnection(place, timeout=30)
    connection.request("GET", "/name")
    with connection.getresponse() as answer:
        return answer.read().decode().strip()


def what_it_writes_is_the_users(lab, user):
    for path in (lab.path.parent / ".labctl").rglob("*"):
        assert path.stat().st_uid == user.uid, path


def a_killed_holder_is_started_again(lab, user):
    os.kill(holder(lab), signal.SIGKILL)
    daemons.wait_until(lambda: not user.processes(), "all of it ends with its holder")
    again = lab.ok("up", "--yes")
    assert "starting a libvirt of your own" in again.stderr
    assert lab.plan() == {}
    lab.ssh("web", SERVER)
    assert get("127.0.0.1:8080") == "web"


def holder(lab):
    said = lab.ok("rootless", "status").stdout
    return int(said.partition("PID ")[2].split()[0])


def a_stop_keeps_the_lab(lab):
    refused = lab.run("rootless", "stop")
    assert refused.code == 2
    assert "what runs is shut down: shop.db, shop.web" in refused.stderr
    lab.ok("rootless", "stop", "--yes")
    assert "not running" in lab.ok("rootless", "status").stdout
    assert lab.plan()["vm/web"] == ["update", "state"]
    assert "off" in lab.ok("status").stdout
