"""The port of a guest, as far as it needs no guest."""

import libvirt
import pytest

from labctl.host.access import channel
from labctl.host.access.channel import GuestPort
from labctl.host.machine import lock

URI = "test:///default"


class Stream:
    """Of a connection that is lost as soon as the port is open."""

    def eventAddCallback(self, *_arguments):  # noqa: N802  # libvirt's name
        raise libvirt.libvirtError("Cannot write data: Broken pipe")


class Domain:
    """Also its own connection."""

    def name(self):
        return "shop.web"

    def connect(self):
        return self

    def getURI(self):  # noqa: N802  # libvirt's name
        return URI

    def newStream(self, _flags):  # noqa: N802  # libvirt's name
        return Stream()

    def openChannel(self, *_arguments):  # noqa: N802  # libvirt's name
        pass


def test_a_port_whose_connection_is_lost_while_it_opens_is_free_for_the_next_try(monkeypatch):
    """The next try comes while the error of the first is still at hand, and all that it refers to."""
    monkeypatch.setattr(channel, "run_event_loop", lambda: None)
    with pytest.raises(libvirt.libvirtError) as lost:
        GuestPort(Domain(), lambda _message: None, lambda: None)
    with lock.held(lock.on(URI, "port of shop.web")):
        assert lost.value
