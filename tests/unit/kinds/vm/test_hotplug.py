"""Devices of a running domain."""

from itertools import chain, repeat

import pytest

from labctl.kinds.vm import hotplug

MIB = 1 << 20


class Domain:
    """A domain whose balloon is at these sizes, in MiB, one look after the other."""

    def __init__(self, *sizes: int) -> None:
        self._sizes = chain(sizes, repeat(sizes[-1]))

    def info(self) -> list[int]:
        return [1, 192 << 10, next(self._sizes) << 10, 1, 0]


@pytest.mark.parametrize(
    ("sizes", "settled"),
    [
        ((160, 165, 171, 176), True),
        ((192,), True),  # no balloon driver: it has its maximum, and always will
        ((192, 185, 181), False),  # the guest uses what it should give
    ],
)
def test_a_balloon_on_its_way_is_waited_for(monkeypatch, sizes, settled):
    """A plan made meanwhile would take it for someone's change."""
    monkeypatch.setattr(hotplug, "BALLOON_STILL_S", 0.2)
    assert hotplug.settle_memory(Domain(*sizes), 176 * MIB) is settled
