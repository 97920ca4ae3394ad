"""Many XML dumps at once, on the real API."""

import time

import libvirt
import pytest

from labctl.host.libvirt.connection import CALLS_IN_FLIGHT, Connection
from labctl.host.libvirt.dumps import WORTH_A_THREAD, dumps
from tests.at_once import AtOnce
from tests.libvirt.conftest import NODE

DOMAIN = "<domain type='test'><name>n{}</name><memory>1024</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
def domains():
    connection = Connection(NODE)
    yield [
        connection.virt.defineXML(DOMAIN.format(number)) for number in range(CALLS_IN_FLIGHT * WORTH_A_THREAD)
    ]
    connection.close()


def test_each_is_in_its_place(domains):
    for some in (domains, domains[:3], []):
        texts = dumps(some, libvirt.VIR_DOMAIN_XML_INACTIVE)
        assert texts == [each.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) for each in some]


def test_one_that_went_meanwhile_is_none(domains):
    domains[5].undefine()
    texts = dumps(domains)
    assert texts[5] is None
    assert all(texts[:5])
    assert all(texts[6:])


@pytest.mark.parametrize("error", [libvirt.libvirtError("broken"), MemoryError()])
def test_another_error_is_the_callers(domains, error):
    class Broken:
        def XMLDesc(self, flags):  # noqa: N802  # libvirt's name
            raise error

    for some in ([Broken(), *domains], [*domains, Broken()]):
        with pytest.raises(type(error)):
            dumps(some)


def test_no_more_calls_are_in_flight_than_a_connection_may_have(domains):
    at_once = AtOnce()

    class Slow:
        def XMLDesc(self, flags):  # noqa: N802  # libvirt's name
            with at_once:
                time.sleep(0.01)
            return "<x/>"

    assert set(dumps([Slow() for _ in domains])) == {"<x/>"}
    assert 1 < at_once.most <= CALLS_IN_FLIGHT
