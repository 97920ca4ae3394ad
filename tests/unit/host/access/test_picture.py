"""Pictures of a VM's screen."""

import pytest

from labctl.core import png
from labctl.core.errors import LabctlError
from labctl.host.access import picture

PPM = b"P6\n1 1\n255\nabc"
SCREEN = "<domain><devices><video><model type='virtio'/></video></devices></domain>"


class Domain:
    """A domain whose screen is what it was made with."""

    def __init__(self, data: bytes, xml: str = SCREEN) -> None:
        self.xml, self._data = xml, data

    def XMLDesc(self):  # noqa: N802
        return self.xml

    def connect(self):
        return self

    def newStream(self):  # noqa: N802
        return self

    def screenshot(self, stream, screen):
        assert (stream, screen) == (self, 0)

    def recv(self, size):
        piece, self._data = self._data[:size], self._data[size:]
        return piece

    def finish(self):
        pass

    abort = finish


def test_whatever_qemu_gives_is_png():
    assert picture.taken(Domain(PPM)) == picture.taken(Domain(png.from_ppm(PPM))) == png.from_ppm(PPM)


@pytest.mark.parametrize("video", ["", "<video><model type='none'/></video>"])
def test_a_vm_without_a_screen_says_what_gives_it_one(video):
    with pytest.raises(LabctlError, match="it has no screen") as caught:
        picture.taken(Domain(PPM, f"<domain><devices>{video}</devices></domain>"))
    assert "`graphics: vnc`" in caught.value.hint


def test_what_is_no_picture_or_has_no_end_is_an_error(monkeypatch):
    with pytest.raises(LabctlError, match="can't be read: no PPM picture"):
        picture.taken(Domain(b"x"))
    monkeypatch.setattr(picture, "LIMIT_BYTES", 8)
    with pytest.raises(LabctlError, match="has more than 8"):
        picture.taken(Domain(PPM))
