"""The port of a guest, as far as it needs no guest."""

import libvirt
import pytest

from labctl.guest.protocol import GuestState
from labctl.host.access import channel
from labctl.host.access.channel import GuestPort
from labctl.host.machine import lock

URI = "test:///default"
WOULD_BLOCK = -2
STATE = b'{"event":"state","stage":"done"}\n'


class Lost:
    """The stream of a connection that is lost as soon as the port is open."""

    def eventAddCallback(self, *_arguments):  # noqa: N802  # libvirt's name
        raise libvirt.libvirtError("Cannot write data: Broken pipe")


class Stream:
    """Gives what a guest sends; the tests call back as libvirt's thread does."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.sent = b""
        self.aborted = False

    def eventAddCallback(self, _events, callback, opaque):  # noqa: N802  # libvirt's name
        self.arrive = lambda: callback(self, libvirt.VIR_STREAM_EVENT_READABLE, opaque)

    def eventUpdateCallback(self, _events):  # noqa: N802  # libvirt's name
        pass

    def eventRemoveCallback(self):  # noqa: N802  # libvirt's name
        pass

    def send(self, data):
        self.sent += data
        return len(data)

    def recv(self, _size):
        return self.pieces.pop(0) if self.pieces else WOULD_BLOCK

    def abort(self):
        self.aborted = True


class Domain:
    """Also its own connection."""

    def __init__(self, stream):
        self._stream = stream

    def name(self):
        return "shop.web"

    def connect(self):
        return self

    def getURI(self):  # noqa: N802  # libvirt's name
        return URI

    def newStream(self, _flags):  # noqa: N802  # libvirt's name
        return self._stream

    def openChannel(self, *_arguments):  # noqa: N802  # libvirt's name
        pass


@pytest.fixture
def opened(monkeypatch):
    """Opens a port with this stream; what it calls is in `calls`."""
    monkeypatch.setattr(channel, "run_event_loop", lambda: None)
    calls, ports = [], []

    def make(stream):
        ports.append(GuestPort(Domain(stream), lambda: calls.append("arrived"), calls.append))
        return ports[-1], calls

    yield make
    for port in ports:
        port.close()


def test_what_arrives_is_parsed_by_who_takes_it(opened, monkeypatch):
    stream = Stream(STATE[:9], STATE[9:], STATE)
    port, calls = opened(stream)
    with monkeypatch.context() as patch:
        patch.setattr(channel.LineReader, "feed", None)
        stream.arrive()  # on libvirt's thread, which parses nothing
    assert calls == ["arrived"]
    assert port.take() == [GuestState("done")] * 2
    stream.pieces = [STATE]
    stream.arrive()
    assert calls == ["arrived"] * 2
    assert port.take() == [GuestState("done")]
    assert port.take() == []


@pytest.mark.parametrize("piece", [b"\n" * 65536, b"x" * 65536, STATE * 2000])
def test_a_guest_that_sends_too_much_is_hung_up_on_while_little_of_it_is_read(opened, piece):
    stream = Stream(STATE, *[piece] * 1000)
    port, calls = opened(stream)
    stream.arrive()
    assert stream.aborted
    assert len(stream.pieces) > 900
    assert calls[0] == "arrived"
    assert len(calls) == 2
    assert "more than" in calls[1]
    assert port.take()[0] == GuestState("done")


def test_a_port_whose_connection_is_lost_while_it_opens_is_free_for_the_next_try(monkeypatch):
    """The next try comes while the error of the first is still at hand, and all that it refers to."""
    monkeypatch.setattr(channel, "run_event_loop", lambda: None)
    with pytest.raises(libvirt.libvirtError) as lost:
        GuestPort(Domain(Lost()), lambda: None, lambda _excess: None)
    with lock.held(lock.on(URI, "port of shop.web")):
        assert lost.value
