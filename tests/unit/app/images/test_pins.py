"""`image update` on Labfile.lock."""

from types import SimpleNamespace

import pytest

from labctl.app.images import pins
from labctl.engine import sources
from labctl.labfile import lockfile
from labctl.labfile.lockfile import Pin

OLD, NEW, OTHER = (Pin(f"sha256-{digit * 64}", "", 1) for digit in "abc")


@pytest.fixture
def session(tmp_path):
    return SimpleNamespace(
        lock_path=tmp_path / "Labfile.lock",
        lock={("router", "x86_64"): OLD, ("router", "aarch64"): OTHER, ("gone", "x86_64"): OLD},
        lab=None,
        hosts=None,
    )


@pytest.mark.parametrize("names", [(), ("router",)])
def test_what_is_pinned_for_another_architecture_stays(monkeypatch, session, names):
    """A colleague's host has it; what the Labfile no longer has goes."""
    found = sources.Sources(pins={("router", "x86_64"): NEW})
    monkeypatch.setattr(pins, "resolve_images", lambda *_arguments: found)
    changes, _ = pins.update(session, names)
    assert lockfile.read_lock(session.lock_path) == {("router", "x86_64"): NEW, ("router", "aarch64"): OTHER}
    assert [(each.image, each.arch) for each in changes] == [("gone", "x86_64"), ("router", "x86_64")]
