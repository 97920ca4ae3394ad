"""Live events as lines."""

import pytest

from labctl.core.live import LiveEvent


@pytest.mark.parametrize(
    ("address", "what", "why", "text"),
    [
        ("vm/web", "stopped", "its power was cut", "vm/web: stopped, its power was cut"),
        ("network/front", "started", "", "network/front: started"),
        ("vm/web", "shutting-down", "", "vm/web: shutting down"),
        ("", "disconnected", "", "libvirt: disconnected"),
    ],
)
def test_an_event_is_a_sentence(address, what, why, text):
    assert str(LiveEvent("2026-11-27T09:00:00+00:00", address, what, why)) == text
