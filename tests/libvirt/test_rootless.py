"""What `labctl rootless stop` does inside; libvirt's test driver stands for QEMU's."""

import libvirt
import pytest

from labctl.app import rootless
from labctl.core.errors import LabctlError
from labctl.host.host import Host

WEB = "<domain type='test'><name>web</name><memory>1024</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
def web(monkeypatch):
    """One of two domains that run; the other one ends when it is asked to."""
    shutdown = libvirt.virDomain.shutdown

    def asked(domain):
        if domain.name() == "test":
            domain.destroy()
        return shutdown(domain)

    monkeypatch.setattr(libvirt.virDomain, "shutdown", asked)
    monkeypatch.setattr(rootless, "Host", lambda: Host("test:///default"))
    with Host("test:///default") as host:
        yield host.virt.createXML(WEB)


@pytest.fixture
def stop(monkeypatch):
    """A stop of a libvirt of one's own, in this process; gives those whose power was cut."""
    ended = []
    monkeypatch.setattr(rootless.joining, "called_inside", lambda _init, function: function())
    monkeypatch.setattr(rootless.world, "end", ended.append)
    holder = rootless.world.Holder("keeper", "init")

    def stopped():
        cut = rootless.stop(rootless.Running(holder, ("test", "web"), used=False))
        assert ended == [holder]
        return cut

    return stopped


def gone(domain):
    with pytest.raises(libvirt.libvirtError):
        domain.isActive()
    return True


def test_one_that_has_ended_meanwhile_does_not_keep_the_others_from_shutting_down(web, stop):
    assert stop() == []
    assert gone(web)


def test_one_that_is_suspended_goes_on_and_shuts_down(web, stop, monkeypatch):
    states = []
    shutdown = libvirt.virDomain.shutdown

    def asked(domain):
        states.append(domain.state()[0])
        return shutdown(domain)

    monkeypatch.setattr(libvirt.virDomain, "shutdown", asked)
    web.suspend()
    assert stop() == []
    assert set(states) == {libvirt.VIR_DOMAIN_RUNNING}
    assert gone(web)


def test_one_that_boots_is_asked_again_and_one_that_hears_nothing_is_cut_off(web, stop, monkeypatch):
    monkeypatch.setattr(rootless, "AGAIN_S", 0.2)
    monkeypatch.setattr(rootless, "SHUTDOWN_S", 1.5)
    shutdown, asked = libvirt.virDomain.shutdown, []

    def heard(domain):
        asked.append(domain.name())
        if domain.name() == "web" and asked.count("web") == 3:
            shutdown(domain)

    monkeypatch.setattr(libvirt.virDomain, "shutdown", heard)
    assert stop() == ["test"]
    assert asked.count("web") == 3
    assert gone(web)


def test_one_that_another_stop_ends_meanwhile_has_ended(monkeypatch):
    holder, ended = rootless.world.Holder("keeper", "init"), []
    monkeypatch.setattr(rootless.world, "running", lambda: holder)
    monkeypatch.setattr(rootless.world, "ends", lambda _holder: True)
    monkeypatch.setattr(rootless.world, "end", ended.append)
    monkeypatch.setattr(rootless.joining, "called_inside", ends_meanwhile)
    assert rootless.running() is None
    assert rootless.stop(rootless.Running(holder, ("web",), used=False)) == []
    assert ended == [holder]


def test_one_that_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setattr(rootless.world, "running", lambda: rootless.world.Holder("keeper", "init"))
    monkeypatch.setattr(rootless.world, "ends", lambda _holder: False)
    monkeypatch.setattr(rootless.joining, "called_inside", ends_meanwhile)
    with pytest.raises(LabctlError, match="ended meanwhile"):
        rootless.running()


def ends_meanwhile(_init, _function):
    raise LabctlError("your rootless libvirt ended meanwhile")
