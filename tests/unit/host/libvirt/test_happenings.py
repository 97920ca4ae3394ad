"""Libvirt's events in words."""

from types import SimpleNamespace

import libvirt
import pytest

from labctl.host.libvirt import happenings
from labctl.host.libvirt.happenings import Happened

DOMAIN = SimpleNamespace(name=lambda: "shop.web", UUIDString=lambda: "1-2")


@pytest.mark.parametrize(
    ("number", "details", "what", "why"),
    [
        ("LIFECYCLE", (libvirt.VIR_DOMAIN_EVENT_STARTED, 0), "started", "it boots"),
        ("LIFECYCLE", (libvirt.VIR_DOMAIN_EVENT_STOPPED, 0), "stopped", "its guest shut down"),
        ("LIFECYCLE", (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, 2), "paused", "a disk failed"),
        ("LIFECYCLE", (99, 99), "changed", ""),  # of a libvirt that is newer
        ("REBOOT", (), "rebooted", ""),
        ("WATCHDOG", (libvirt.VIR_DOMAIN_EVENT_WATCHDOG_RESET,), "watchdog", "it is reset"),
        ("WATCHDOG", (99,), "watchdog", ""),
        (
            "IO_ERROR_REASON",
            ("/a", "virtio0", 1, "enospc"),
            "io-error",
            "/a, there is no space left, it is paused",
        ),
        ("IO_ERROR_REASON", ("/a", "virtio0", 0, ""), "io-error", "/a, it goes on"),
        ("DEVICE_ADDED", ("net0",), "device-added", "net0"),
        ("DEVICE_REMOVED", ("net0",), "device-removed", "net0"),
        ("DEVICE_REMOVAL_FAILED", ("net0",), "device-not-removed", "net0"),
        ("AGENT_LIFECYCLE", (1, 0), "agent-connected", ""),
    ],
)
def test_events_of_domains_are_told_in_words(number, details, what, why):
    told = []
    words = happenings._OF_DOMAINS[getattr(libvirt, f"VIR_DOMAIN_EVENT_ID_{number}")]  # noqa: SLF001
    happenings._of_domain(words, told.append)(None, DOMAIN, *details, None)  # noqa: SLF001
    assert told == [Happened("vm", "shop.web", "1-2", what, why)]


def test_all_that_libvirt_tells_of_a_life_has_a_word():
    events = {name: value for name, value in vars(libvirt).items() if name.startswith("VIR_DOMAIN_EVENT_ID_")}
    assert happenings._OF_DOMAINS.keys() <= set(events.values())  # noqa: SLF001
    assert happenings._LIFE.keys() == set(range(10)) - {9} | {libvirt.VIR_DOMAIN_EVENT_CRASHED}  # noqa: SLF001
