"""What logind does to what a user leaves behind."""

import pytest

from labctl.host.machine import logout


@pytest.mark.parametrize(
    ("kills", "lingers", "ends", "outlasts"),
    [
        ("b false\n", "no\n", False, False),
        ("b true\n", "no\n", True, False),
        ("b true\n", "yes\n", False, True),
        (None, None, False, False),  # no logind
    ],
)
def test_what_becomes_of_processes(monkeypatch, kills, lingers, ends, outlasts):
    monkeypatch.setattr(logout.command, "output", lambda tool, *_: kills if tool == "busctl" else lingers)
    assert logout.ends_processes() == ends
    assert bool(logout.outlasting()) == outlasts
