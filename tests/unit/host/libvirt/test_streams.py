"""Uploads to a disk that fills up, of which libvirt tells nothing at the end."""

import io

import pytest

from labctl.core.errors import LabctlError
from labctl.host.libvirt import streams


class Stream:
    """What is sent is written to its volume as far as there is room; the rest stays the zeros that were there."""

    def __init__(self):
        self.volume, self.position, self.left = None, 0, b""

    def send(self, data):
        written = data[: max(0, self.volume.room - self.position)]
        self.volume.content[self.position : self.position + len(written)] = written
        self.position += len(data)
        return len(data)

    def sendHole(self, size):  # noqa: N802  # libvirt's name
        self.position += size

    def recvFlags(self, size, _flags):  # noqa: N802  # libvirt's name
        data, self.left = self.left[:size], self.left[size:]
        return data

    def finish(self):
        pass


class Volume:
    def __init__(self, size, room):
        self.content, self.room = bytearray(size), room

    def name(self):
        return "web.seed"

    def upload(self, stream, _offset, _length, _flags):
        stream.volume = self

    def download(self, stream, offset, length, _flags):
        stream.left = bytes(self.content[offset : offset + length if length else None])


class Connection:
    newStream = Stream  # noqa: N815  # libvirt's name


DATA = b"x" * (streams.CHUNK + 100)


def test_what_arrives_is_whole():
    volume = Volume(len(DATA), room=len(DATA))
    streams.send(Connection(), volume, io.BytesIO(DATA), len(DATA))
    assert volume.content == DATA


@pytest.mark.parametrize("room", [0, 100, streams.CHUNK, len(DATA) - 1])
@pytest.mark.parametrize("zeros", [0, 10 * streams.CHUNK])
def test_what_is_cut_off_is_an_error(room, zeros):
    """Also where zeros follow, of which nothing shows whether they were written."""
    content = DATA + bytes(zeros)
    volume = Volume(len(content), room)
    with pytest.raises(LabctlError, match=r"web\.seed was not written to its end") as error:
        streams.send(Connection(), volume, io.BytesIO(content), len(content))
    assert "free some disk space" in error.value.hint


@pytest.mark.parametrize("room", [0, len(DATA) - 1])
def test_a_copy_that_is_cut_off_is_an_error(room):
    source, target = Volume(len(DATA), room=len(DATA)), Volume(len(DATA), room)
    source.content[:] = DATA
    with pytest.raises(LabctlError, match="was not written to its end"):
        streams.copy(Connection(), source, target, len(DATA))


def test_nothing_but_zeros_is_written_without_room():
    streams.send(Connection(), Volume(1000, room=0), io.BytesIO(bytes(1000)), 1000)
