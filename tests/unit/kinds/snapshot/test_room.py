"""The room that saved memory takes."""

import threading
from types import SimpleNamespace

import libvirt
import pytest

from labctl.host.libvirt.parallel import CallsInFlight
from labctl.kinds.snapshot import room

CONNECTION = SimpleNamespace(in_parallel=CallsInFlight(4).each)
GIVEN_KIB = 1000


class Domain:
    """A virDomain whose QEMU has `resident` KiB; None for one that has just been shut down."""

    def __init__(self, resident, others=None):
        self._resident, self._others = resident, others

    def info(self):
        return [1, GIVEN_KIB, GIVEN_KIB, 1, 0]

    def memoryStats(self):  # noqa: N802  # libvirt's name
        if self._others:
            self._others.wait()
        if self._resident is None:
            raise libvirt.libvirtError("domain is not running")
        return {"rss": self._resident}


@pytest.mark.parametrize(("resident", "takes"), [(300, 300), (GIVEN_KIB + 1, GIVEN_KIB), (None, GIVEN_KIB)])
def test_memory_takes_what_qemu_has_and_no_more_than_the_guest_was_given(resident, takes):
    assert room.memory(CONNECTION, [Domain(resident), Domain(100)]) == (takes + 100) << 10


def test_all_vms_are_asked_at_the_same_time():
    """QEMU answers an emulated guest's host when it comes to it."""
    all_asked = threading.Barrier(4, timeout=10)  # which breaks where one answers before the next is asked
    assert room.memory(CONNECTION, [Domain(10, all_asked)] * 4) == 40 << 10
