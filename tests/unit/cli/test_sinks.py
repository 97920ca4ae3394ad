"""Which sink a run gets."""

import io

import pytest

from labctl.cli import run_state, sinks
from labctl.cli.options import Options
from labctl.report.jsonlines import JsonLines
from labctl.report.plain import Plain
from labctl.report.terminal import Terminal


@pytest.mark.parametrize(
    ("terminal", "term", "options", "kind"),
    [
        (True, "xterm", {}, Terminal),
        (True, "xterm", {"verbose": True}, Terminal),
        (True, "xterm", {"quiet": True}, Plain),
        (True, "dumb", {}, Plain),
        (False, "xterm", {}, Plain),
        (True, "xterm", {"json": True}, JsonLines),
        (False, "xterm", {"json": True}, JsonLines),
    ],
)
def test_a_terminal_sees_progress_and_everyone_else_lines(monkeypatch, terminal, term, options, kind):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(run_state, "noticed", lambda sink: sink)
    assert type(sinks.sink(Options(**options))) is kind
