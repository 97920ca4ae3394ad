"""Which way into a VM is taken."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from labctl.app import transport
from labctl.core.errors import LabctlError
from labctl.host.access import port_session, ssh_transport
from labctl.host.access.port_transport import PortTransport
from tests.unit.overviews import seen, vm

BACK = (("back", "10.1.0.2"),)


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (None, "which VM?", "name one of db, web-1, web-2"),
        ("web", "web stands for 2 VMs", "name one of web-1, web-2"),
        ("dbb", "no VM is called dbb", "did you mean db?"),
        ("web-1", "vm/web-1: it is not there yet", "`labctl up web-1` makes it"),
        ("web-2", "vm/web-2: it is off", "`labctl up web-2` starts it"),
    ],
)
def test_whom(monkeypatch, session, name, message, hint):
    seen(monkeypatch, vm("db"), vm("web-2", "off"))
    with pytest.raises(LabctlError) as caught:
        transport.find(session, name)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_vm_without_a_seed_has_no_login(monkeypatch, session):
    seen(monkeypatch, vm("db", seeded=False))
    with pytest.raises(LabctlError, match="without cloud-init") as caught:
        transport.find(session, "db")
    assert caught.value.hint == "if it has one of its own: ssh 10.0.0.2"


def taken(monkeypatch, session, name):
    """Who opens a way to this VM."""

    @asynccontextmanager
    async def by_ssh(*_arguments):
        yield "ssh"

    @asynccontextmanager
    async def by_port(*_arguments):
        yield "port"

    monkeypatch.setattr(ssh_transport, "connected", by_ssh)
    monkeypatch.setattr(port_session, "opened", by_port)

    async def way():
        async with transport.connected(session, name) as found:
            return "port" if isinstance(found, PortTransport) else found

    return asyncio.run(way())


def test_ssh_is_taken_where_the_host_itself_has_a_route(monkeypatch, session, keys):
    seen(monkeypatch, vm("db"))
    assert taken(monkeypatch, session, "db") == "ssh"


def test_no_other_vm_is_needed_where_the_port_is_there(monkeypatch, session, keys):
    """A user's own OpenSSH does go through another VM."""
    gate = vm("web-1", nics=(("front", "10.0.0.3"), ("back", "10.1.0.3")))
    seen(monkeypatch, vm("db", nics=BACK), gate)
    assert transport.find(session, "db").no_ssh is None
    assert taken(monkeypatch, session, "db") == "port"


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        ("id_ed25519", "the lab's login key is not at"),
        ("host-keys/db.pub", "the host key of db is not known here"),
        ("", "there is no ssh on this machine"),
    ],
)
def test_the_port_is_taken_where_ssh_lacks_something(monkeypatch, session, keys, lost, why):
    seen(monkeypatch, vm("db"))
    if lost:
        session.folder.remove(lost)
    else:
        monkeypatch.setattr(transport.shutil, "which", lambda _name: None)
    assert why in str(transport.find(session, "db").no_ssh)
    assert taken(monkeypatch, session, "db") == "port"
