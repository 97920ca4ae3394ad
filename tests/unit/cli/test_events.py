"""How live events are shown."""

import pytest

from labctl.app import live_events
from labctl.cli import context, events, run_state
from labctl.cli.options import Options
from labctl.core.live import LiveEvent
from tests import schemas

EVENT = LiveEvent("2026-11-27T09:00:01.500+01:00", "vm/web", "stopped", "its guest shut down")


@pytest.fixture
def shown(monkeypatch, capsys, session):
    """What is shown of one event, with these options: data, and what is said to the user."""
    monkeypatch.setattr(context, "session", lambda _options, **_more: session)
    monkeypatch.setattr(run_state, "masked", lambda value: value)

    def follow(_session, _vms, sink, ready):
        ready()
        sink(EVENT)

    monkeypatch.setattr(live_events, "follow", follow)

    def shown(**options):
        run = events.run(_context(Options(**options)))
        run()
        return capsys.readouterr()

    return shown


def _context(options):
    return type("Context", (), {"params": _values(options), "parent": None})()


def _values(options):
    return {name: getattr(options, name) for name in ("json", "quiet")}


@pytest.fixture
def session():
    return type("Session", (), {"lab": type("Lab", (), {"name": "shop"})()})()


def test_a_line_has_the_time_and_words(shown):
    told = shown()
    assert told.out == "09:00:01 vm/web: stopped, its guest shut down\n"
    assert told.err == "waiting for events of lab shop; Ctrl-C ends it\n"


def test_json_begins_with_its_format_and_fits_its_schema(shown):
    told = shown(json=True, quiet=True)
    first, event = schemas.fit_lines(told.out)
    assert (first, told.err) == ({"event": "Format", "format": 1}, "")
    assert event == {
        "event": "LiveEvent",
        "time": EVENT.time,
        "address": "vm/web",
        "what": "stopped",
        "why": "its guest shut down",
    }
