"""The screen and the keyboard of a VM that runs."""

from contextlib import nullcontext

import libvirt
import pytest

from labctl.app import screen_and_keys
from labctl.core.errors import LabctlError
from labctl.core.png import from_ppm
from tests.unit.host.access.test_picture import PPM, Domain
from tests.unit.overviews import seen, vm


class Host:
    """A host whose only domain is this one."""

    def __init__(self, domain) -> None:
        self.virt, self._domain = self, domain

    def lookupByName(self, name):  # noqa: N802
        assert name == "shop.db"
        return self._domain


class Keyboard(Domain):
    pressed: list

    def sendKey(self, codeset, _hold_ms, codes, count, _flags):  # noqa: N802
        assert (codeset, count) == (libvirt.VIR_KEYCODE_SET_LINUX, len(codes))
        self.pressed.append(codes)


@pytest.fixture
def domain(session, monkeypatch):
    seen(monkeypatch, vm("db"), vm("web-1", "paused"))
    made = Keyboard(PPM)
    made.pressed = []
    monkeypatch.setattr(session.hosts, "of", lambda _address: Host(made))
    monkeypatch.setattr(screen_and_keys, "translated", lambda *_: nullcontext())
    return made


def test_a_picture_is_taken_and_keys_are_pressed_in_their_order(session, domain):
    assert screen_and_keys.screenshot(session, "db").png == from_ppm(PPM)
    screen_and_keys.press(session, "db", [(29, 56, 111), (28,)])
    assert domain.pressed == [[29, 56, 111], [28]]


@pytest.mark.parametrize(
    ("name", "state", "hint"),
    [
        ("web-1", "paused", "`labctl resume web-1` resumes it"),
        ("web-2", "not there yet", "`labctl up web-2` makes it"),
    ],
)
def test_a_vm_that_does_not_run_says_how_to_start_it(session, domain, name, state, hint):
    with pytest.raises(LabctlError, match=f"vm/{name}: it is {state}") as caught:
        screen_and_keys.press(session, name, [(28,)])
    assert caught.value.hint == hint


def test_a_vm_without_a_screen_is_named(session, domain):
    domain.xml = "<domain/>"
    with pytest.raises(LabctlError, match="vm/db: it has no screen"):
        screen_and_keys.screenshot(session, "db")
