"""What `labctl rootless stop` does inside; libvirt's test driver stands for QEMU's."""

import libvirt
import pytest

from labctl.app import rootless
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


def test_one_that_has_ended_meanwhile_does_not_keep_the_others_from_shutting_down(web, monkeypatch):
    called = {}
    monkeypatch.setattr(
        rootless.joining, "called_inside", lambda _init, function: called.setdefault("cut", function())
    )
    monkeypatch.setattr(rootless.world, "end", lambda holder: called.setdefault("ended", holder))
    holder = rootless.world.Holder("keeper", "init")
    assert rootless.stop(rootless.Running(holder, ("test", "web"), used=False)) == []
    assert called == {"cut": [], "ended": holder}
    with pytest.raises(libvirt.libvirtError):
        web.isActive()
