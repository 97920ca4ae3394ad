"""Forwards come and go with a process and a record."""

import subprocess
from ipaddress import ip_address
from xml.etree import ElementTree as ET

import libvirt
import pytest

from labctl.core import records
from labctl.core.endpoint import Endpoint
from labctl.core.errors import LabctlError
from labctl.core.plan import Action, StepOf
from labctl.core.record import replace
from labctl.host.machine import forwarders
from labctl.kinds.forward import driver as driver_module
from labctl.kinds.forward.driver import ForwardDriver
from labctl.kinds.forward.kind import recorded
from labctl.kinds.forward.spec import ForwardSpec
from tests.madeup import MadeUpHost

URI = "test:///of-this-driver"


@pytest.fixture
def virt():
    connection = libvirt.open("test:///default")
    text = "<domain type='test'><name>shop.web</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    made = connection.defineXML(text)
    yield connection
    if made.ID() != -1 or any(each.name() == "shop.web" for each in connection.listAllDomains()):
        made.undefine()
    connection.close()


@pytest.fixture
def driver(virt):
    return ForwardDriver(MadeUpHost(uri=URI, virt=virt))


def forwards(virt):
    """Those on record."""
    root = ET.fromstring(virt.lookupByName("shop.web").XMLDesc())
    return list(recorded("shop", "web", records.read_all(root)))


@pytest.fixture
def spec(free_port):
    listens = Endpoint(ip_address("127.0.0.1"), free_port)
    yield ForwardSpec("shop", "web", listens, "tcp", "127.0.0.1:9")
    forwarders.end(forwarders.Mark(URI, "shop", f"web/{free_port}"))


def step(before=None, after=None):
    return StepOf((after or before).address, Action.CREATE, "", before=before, after=after)


def test_it_is_made_recorded_moved_and_ended(driver, virt, spec):
    driver.create(step(after=spec), None)
    (made,) = forwards(virt)
    assert replace(made, pid=0) == spec
    driver.update(step(made, replace(spec, to="127.0.0.1:10")), None)
    (moved,) = forwards(virt)
    assert (moved.to, moved.alive) == ("127.0.0.1:10", True)
    assert [each.pid for each in forwarders.running(URI)] == [moved.pid] != [made.pid]
    driver.delete(step(before=moved), None)
    assert (forwards(virt), forwarders.running(URI)) == ([], [])


def test_without_its_vm_none_is_begun_and_one_is_ended(driver, virt, spec):
    driver.create(step(after=spec), None)
    (made,) = forwards(virt)
    virt.lookupByName("shop.web").undefine()
    driver.delete(step(before=made), None)
    assert forwarders.running(URI) == []
    with pytest.raises(LabctlError, match="its VM is gone"):
        driver.create(step(after=spec), None)
    assert forwarders.running(URI) == []


def test_one_that_can_t_be_recorded_is_ended_again(driver, spec, monkeypatch):
    def refuse(*_):
        raise libvirt.libvirtError("the connection is lost")

    monkeypatch.setattr(driver_module.records, "write", refuse)
    with pytest.raises(LabctlError):
        driver.create(step(after=spec), None)
    assert forwarders.running(URI) == []


def test_a_recorded_pid_of_another_process_is_not_ended(driver, spec):
    """Whoever may use libvirt can write any PID there."""
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        driver.delete(step(before=replace(spec, pid=child.pid)), None)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
