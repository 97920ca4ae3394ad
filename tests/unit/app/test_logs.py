"""Console logs of several VMs, in lines."""

from contextlib import suppress

import pytest

from labctl.app import logs
from labctl.host.access import console


@pytest.fixture
def told(monkeypatch):
    """Gives the lines that are told of consoles that say these pieces, one a look."""

    def told(session, pieces, **options):
        looks = {vm: iter(each) for vm, each in pieces.items()}
        monkeypatch.setattr(console.Follower, "news", lambda log, _virt: next(looks[log._vm]))  # noqa: SLF001
        monkeypatch.setattr(logs.time, "sleep", lambda _s: None)
        found = []
        with suppress(RuntimeError):  # from a look that nobody prepared
            logs.consoles(
                session, pieces, lambda lines: found.extend((line.vm, line.line) for line in lines), **options
            )
        return found

    return told


@pytest.fixture(autouse=True)
def _connected(session, monkeypatch):
    monkeypatch.setattr(type(session.hosts.of(None)), "virt", None, raising=False)


def ending(*pieces):
    yield from pieces
    raise RuntimeError


def test_each_log_is_told_whole_with_its_last_line(session, told):
    pieces = {"web": [b"one\ntwo\nlogin: "], "db": [b"three\n"]}
    assert told(session, pieces, follow=False, last=None) == [
        ("web", "one"),
        ("web", "two"),
        ("web", "login: "),
        ("db", "three"),
    ]


@pytest.mark.parametrize(("last", "lines"), [(1, ["login: "]), (2, ["two", "login: "]), (0, [])])
def test_only_the_last_lines_are_told(session, told, last, lines):
    found = told(session, {"web": [b"one\ntwo\nlogin: "]}, follow=False, last=last)
    assert [line for _, line in found] == lines


def test_what_is_new_is_told_in_whole_lines(session, told):
    pieces = {"web": ending(b"one\ntw", b"o\n", b""), "db": ending(b"", b"a\n", b"b\n")}
    assert told(session, pieces, follow=True, last=0) == [("web", "two"), ("db", "a"), ("db", "b")]


def test_lines_have_no_controls(session, told):
    pieces = {"web": [b"boot\r\n\x1b[1;32mok\x1b[0m \xe2\x82\xac\nlogin\x07: "]}
    found = told(session, pieces, follow=False, last=None)
    assert [line for _, line in found] == ["boot", "ok €", "login: "]
