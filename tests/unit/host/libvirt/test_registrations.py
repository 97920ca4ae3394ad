"""Registering for libvirt's events, on its test driver; and on a connection that ends meanwhile."""

import libvirt
import pytest

from labctl.core.errors import LabctlError
from labctl.host.libvirt.connection import Connection
from labctl.host.libvirt.registrations import registered
from tests.libvirt.conftest import NODE
from tests.waiting import wait_until

LIFECYCLE = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE
DOMAIN = "<domain type='test'><name>{}</name><memory>65536</memory><os><type>hvm</type></os></domain>"
NETWORK = "<network><name>lone</name><bridge name='lab-x'/></network>"


@pytest.fixture
def connection():
    made = Connection(NODE)
    yield made
    made.close()


def test_what_happens_to_domains_and_networks_is_told_while_the_block_runs(connection):
    told = []

    def of_domain(_virt, domain, *_details):
        told.append(domain.name())

    def of_network(_virt, network, *_details):
        told.append(network.name())

    with registered(connection, {LIFECYCLE: of_domain}, of_network):
        connection.virt.createXML(DOMAIN.format("web"))
        connection.virt.networkCreateXML(NETWORK)
        wait_until(lambda: {"web", "lone"} <= set(told))
    told.clear()
    with registered(
        connection, {LIFECYCLE: lambda _virt, domain, *_: told.append(f"second {domain.name()}")}
    ):
        connection.virt.createXML(DOMAIN.format("db"))
        wait_until(lambda: told)
    assert set(told) == {"second db"}, "the first registration has ended"


def test_of_one_domain_only_its_own_events_come(connection):
    told = []
    web, db = (connection.virt.createXML(DOMAIN.format(name)) for name in ("web", "db"))
    of = {LIFECYCLE: lambda _virt, domain, *_details: told.append(domain.name())}
    with registered(connection, of, domain=web):
        db.destroy()
        web.destroy()
        wait_until(lambda: told)
    assert set(told) == {"web"}


class Virt:
    """A virConnect that takes no registration back."""

    def __init__(self, *, alive):
        self._alive = alive

    def isAlive(self):  # noqa: N802  # libvirt's name
        return self._alive

    def domainEventRegisterAny(self, *_arguments):  # noqa: N802  # libvirt's name
        return 1

    def domainEventDeregisterAny(self, _key):  # noqa: N802  # libvirt's name
        raise libvirt.libvirtError("no such callback")


class Ended:
    """As much of a connection as is asked."""

    uri = "qemu:///system"

    def __init__(self, *, alive):
        self.virt = Virt(alive=alive)

    def watch(self):
        pass


def test_registrations_of_a_lost_connection_are_lost_with_it():
    with registered(Ended(alive=False), {LIFECYCLE: print}):
        pass


def test_one_that_a_live_connection_keeps_is_an_error():
    with (
        pytest.raises(LabctlError, match="no such callback"),
        registered(Ended(alive=True), {LIFECYCLE: print}),
    ):
        pass
