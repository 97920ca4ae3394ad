"""Several hosts where today there is one."""

import pytest

from labctl.core.address import Address
from labctl.core.errors import LabctlError, LabHeld
from labctl.core.record import record
from labctl.host.host import Host
from labctl.host.hosts import Hosts
from tests.madeup import MadeUpHosts

NODES = "test:///b", "test:///a"


@record
class Thing:
    address: Address


@pytest.fixture
def hosts():
    """What is called b is on the first, everything else on the second."""
    return MadeUpHosts(*map(Host, NODES), elsewhere={"b"})


def test_one_host_has_everything():
    host = Host("test:///default")
    hosts = Hosts(host)
    assert hosts.of(Address("vm", "a")) is hosts.of(Address("pool", "shop")) is host
    assert list(hosts) == [host]
    assert hosts.uri == "test:///default"


def test_things_are_told_apart_by_their_hosts(hosts):
    first, second = hosts
    things = [Thing(Address("vm", name)) for name in ("a", "b", "c")]
    assert hosts.split(things) == [(first, [things[0], things[2]]), (second, [things[1]])]
    assert hosts.split(things[:1]) == [(first, things[:1])]


def test_locks_are_taken_in_one_order_and_given_back(hosts, monkeypatch):
    taken = []
    real = Host.lock
    monkeypatch.setattr(
        Host, "lock", lambda host, what, **how: taken.append(host.uri) or real(host, what, **how)
    )
    with hosts.lock("subnets"):
        assert taken == sorted(NODES)
        for host in hosts:
            with pytest.raises(LabHeld), real(host, "subnets"):
                pass
    first, second = hosts
    with real(first, "subnets"), pytest.raises(LabHeld), hosts.lock("subnets"):
        pass
    with real(second, "subnets"):
        pass  # what was taken before the one that was held is free again


def test_only_what_was_lost_is_opened_anew(tmp_path):
    hosts = MadeUpHosts(Host("test:///default"), Host("test:///default"))
    first, second = hosts
    stays, goes = first.virt, second.virt
    assert not hosts.reopen()
    goes.close()
    assert hosts.reopen()
    assert first.virt is stays
    assert second.virt is not goes
    assert second.virt.isAlive()
    hosts.close()


def test_a_look_that_a_lost_connection_ended_is_made_once_more():
    host = Host("test:///default")
    hosts = Hosts(host)
    looked = []

    def look() -> str:
        looked.append(host.virt)
        if len(looked) == 1:
            looked[0].close()
            raise LabctlError("it is gone")
        return "seen"

    assert hosts.answering(look) == "seen"
    assert looked[1].isAlive()
    hosts.close()


def test_one_that_failed_for_another_reason_is_not():
    looks = []

    def look() -> None:
        looks.append(1)
        raise LabctlError("no such pool")

    host = Host("test:///default")
    hosts = Hosts(host)
    assert host.virt.isAlive()
    with pytest.raises(LabctlError, match="no such pool"):
        hosts.answering(look)
    assert looks == [1]
    hosts.close()
