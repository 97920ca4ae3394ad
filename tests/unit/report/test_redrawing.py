import io

from labctl.report import redrawing
from tests.terminals import ANSI, Tty


def test_without_a_terminal_each_change_is_a_block_of_its_own():
    stream = io.StringIO()
    with redrawing.redrawn(stream, colour=False) as show:
        for text in ("a\nb", "a\nb", "c"):
            show(text)
    assert stream.getvalue() == "a\nb\n\nc\n"


def test_a_dumb_terminal_is_as_none(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Tty()
    with redrawing.redrawn(stream, colour=False) as show:
        show("a")
    assert stream.getvalue() == "a\n"


def test_on_a_terminal_the_text_stands_where_it_stood(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Tty()
    with redrawing.redrawn(stream, colour=False) as show:
        show("one\ntwo")
        show("three")
    assert "\x1b[1A" in stream.getvalue(), "it goes up to the first line"
    assert ANSI.sub("", stream.getvalue()).rstrip().endswith("three")


def test_controls_of_others_do_not_reach_the_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Tty()
    with redrawing.redrawn(stream, colour=False) as show:
        show("\x1b]0;evil\x07\x9b31m")
    assert "\\x1b]0;evil\\x07\\x9b31m" in stream.getvalue()
