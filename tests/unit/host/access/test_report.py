"""Guests are asked for their states; one that floods keeps nobody."""

import libvirt
import pytest

from labctl.core.errors import LabctlError
from labctl.guest.protocol import GuestState
from labctl.host.access import report


class Ports:
    """The ports of some guests: each gives its messages at once, and then hangs up if that is too much."""

    def __init__(self, guests):
        self._guests = guests
        self.closed = []

    def lookupByName(self, name):  # noqa: N802  # libvirt's name
        if name not in self._guests:
            raise libvirt.libvirtError("no domain")
        return name

    @property
    def virt(self):
        return self

    def __call__(self, domain, arrived, closed):
        told = self._guests[domain]
        if isinstance(told, Exception):
            raise told
        return Port(domain, told, arrived, closed, self.closed)


class Port:
    def __init__(self, name, told, arrived, closed, gone):
        self._name, self._told, self._gone = name, told, gone
        if told is None:
            closed("a line of more than 1MiB")
        elif told:
            arrived()

    def take(self):
        told, self._told = self._told, []
        return told

    def close(self):
        self._gone.append(self._name)


@pytest.fixture
def ports(monkeypatch):
    monkeypatch.setattr(report, "ANSWER_S", 0.05)
    made = Ports(
        {
            "floods": None,
            "web": [GuestState("init"), GuestState("done")],
            "silent": [],
            "held": LabctlError("another program holds it"),
            "db": [GuestState("done")],
        }
    )
    monkeypatch.setattr(report, "GuestPort", made)
    return made


def test_who_answers_is_heard(ports):
    told = report.states(ports, ["floods", "web", "silent", "gone", "held", "db"])
    assert told == {"web": GuestState("init"), "db": GuestState("done")}
    assert ports.closed == ["floods", "web", "silent", "db"]
