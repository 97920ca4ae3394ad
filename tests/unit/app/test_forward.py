"""What `forward` lists, and to which VMs it makes one."""

import socket
import threading

import pytest

from labctl.app import forward
from labctl.core.errors import LabctlError, UsageError
from labctl.kinds.forward.spec import record_of
from tests import schemas
from tests.unit.overviews import network, seen, vm


@pytest.fixture
def local(session):
    (host,) = session.hosts
    host.local = True
    return session


def test_the_forwards_of_all_vms_or_of_some_are_listed(monkeypatch, local):
    records = {
        "forward": {"9000": record_of("10.0.0.2:90", 0, "", ""), "80": record_of("10.0.0.2:80", 0, "", "")}
    }
    other = {"forward": {"[::1]:53/udp": record_of("10.0.0.3:53", 0, "", "")}}
    seen(monkeypatch, vm("web-2", records=records), vm("web-1", records=other), vm("db"))
    found = forward.listing(local)
    assert [(name, str(each.listens), each.alive) for name, each in found.forwards] == [
        ("web-1", "[::1]:53", False),
        ("web-2", "127.0.0.1:80", False),
        ("web-2", "127.0.0.1:9000", False),
    ]
    schemas.fits(found.to_json(), "forward")
    assert forward.listing(local, ["db"]).forwards == ()
    with pytest.raises(UsageError, match="no VM is called wbe"):
        forward.listing(local, ["wbe"])


@pytest.mark.parametrize(
    ("text", "why"),
    [("8080", "8080 is no forward"), ("1-2:1", "2 ports of the host can't lead to 1 of the guest")],
)
def test_what_is_no_forward_is_told(local, text, why):
    with pytest.raises(UsageError, match=why):
        forward.forward(local, "db", text, print)


def test_a_vm_that_the_host_does_not_reach_is_told(monkeypatch, local):
    seen(monkeypatch, vm("web-1"), vm("db", "off"), networks=[network(host=())])
    with pytest.raises(LabctlError, match="can't forward to web-1: the host has no address on its networks"):
        forward.forward(local, "web-1", "8080:80", print)
    with pytest.raises(LabctlError, match="vm/db: it is off") as caught:
        forward.forward(local, "db", "8080:80", print)
    assert caught.value.hint == "`labctl up db` starts it"
    with pytest.raises(LabctlError, match="vm/web-2: it is not there yet"):
        forward.forward(local, "web-2", "8080:80", print)
    (host,) = local.hosts
    host.local = False
    with pytest.raises(LabctlError, match=forward.REMOTE):
        forward.forward(local, "db", "8080:80", print)


def test_it_listens_until_something_ends_it(monkeypatch, local, free_port):
    """Here one of two forwarders, after which the other one is none either."""
    seen(monkeypatch, vm("db", nics=(("front", "127.0.0.1"),)))
    told, begun = [], []
    attached = forward.forwarders.attached

    def noted(*arguments):
        begun.append(attached(*arguments))
        return begun[-1]

    monkeypatch.setattr(forward.forwarders, "attached", noted)

    def say(line):
        told.append(line)
        threading.Thread(target=begun[1].kill).start()

    with pytest.raises(LabctlError, match="ended by itself"):
        forward.forward(local, "db", f"{free_port}-{free_port + 1}:80-81", say)
    assert told == [
        f"TCP of 127.0.0.1:{free_port}-{free_port + 1} leads to db, 127.0.0.1:80-81; Ctrl-C ends it"
    ]
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", free_port))
