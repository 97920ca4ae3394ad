"""labctl's notes in a domain's metadata, on libvirt's test driver."""

from xml.etree import ElementTree as ET

import libvirt
import pytest

from labctl.host.libvirt.connection import Connection
from labctl.kinds.vm import notes, xml
from labctl.kinds.vm.spec import VmSpec
from tests.libvirt.conftest import NODE

DOMAIN = "<domain type='test'><name>shop.web</name><memory>65536</memory><os><type>hvm</type></os></domain>"
READY = VmSpec("shop", "web", ready=True)


class Written:
    """A running domain, with how often its metadata was written."""

    def __init__(self, domain):
        self._domain, self.times = domain, 0

    def XMLDesc(self):  # noqa: N802  # libvirt's name
        return self._domain.XMLDesc()

    def setMetadata(self, *arguments):  # noqa: N802  # libvirt's name
        self.times += 1
        self._domain.setMetadata(*arguments)

    @property
    def read(self):
        return xml.read(ET.fromstring(self.XMLDesc()))


@pytest.fixture
def domain():
    connection = Connection(NODE)
    yield Written(connection.virt.createXML(DOMAIN))
    connection.close()


@pytest.fixture
def ready(domain):
    notes.note(domain, READY, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    domain.times = 0
    return domain


def test_a_vm_is_no_longer_ready_and_all_else_is_kept(ready):
    assert ready.read.ready
    notes.unready(ready)
    assert not ready.read.ready
    assert (ready.read.lab, ready.read.name) == ("shop", "web")


def test_what_is_noted_already_is_not_written_again(ready):
    notes.unready(ready)
    notes.unready(ready)
    notes.change(ready, problem="")
    assert ready.times == 1


def test_a_value_changes_and_the_others_stay(ready):
    notes.change(ready, problem="it did not boot")
    assert (ready.read.problem, ready.read.ready) == ("it did not boot", True)


def test_a_domain_whose_mark_somebody_removed_gets_none(domain):
    notes.unready(domain)
    notes.change(domain, problem="it did not boot")
    assert domain.times == 0
    assert domain.read is None
