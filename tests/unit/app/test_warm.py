"""What is told of warm labs."""

from types import SimpleNamespace

from labctl.app import warm
from labctl.kinds.warm.spec import WarmSpec

STATE = WarmSpec("shop", "0123456789abcdef", taken="2026-11-26T12:03:00+00:00", took_s=112.4)


def told(state: WarmSpec | None, seconds: float) -> list[str]:
    events = []
    warm.tell_gain(SimpleNamespace(warm=warm.Warmth(state)), seconds, events.append)
    return [event.summary for event in events]


def test_a_lab_that_came_back_is_compared_with_its_boot():
    assert told(STATE, 6.78) == ["the lab came back in 6.8 s; to boot and provision it took 1 min 52 s"]


def test_a_lab_that_booted_is_compared_with_nothing():
    assert told(None, 112.4) == []
