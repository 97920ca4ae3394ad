"""The console log of a VM, which its guest writes."""

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access import console
from tests.unit.core.test_text import HOSTILE


@pytest.fixture
def log(monkeypatch):
    """Lets the log have this content; gives what was asked of it."""
    asked = []

    def have(data):
        def download(_virt, _pool, _name, *, offset):
            asked.append(offset)
            if isinstance(data, Exception):
                raise data
            return data[offset:]

        monkeypatch.setattr(console.pools, "find", lambda _virt, _name: "pool")
        monkeypatch.setattr(console.pools, "refresh", lambda _pool: None)
        monkeypatch.setattr(console.volumes, "names", lambda _pool: ["web.console"])
        monkeypatch.setattr(console.volumes, "download", download)
        return asked

    return have


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_log_is_text(log, hostile):
    log(f"boot\r\n\x1b[1;32mok\x1b[0m{hostile} 日本\tend\r\n".encode("utf-8", "replace"))
    text = console.read(None, "shop", "web")
    assert text.replace("\n", "").replace("\t", "").isprintable()


def test_a_log_keeps_its_words_and_lines(log):
    log(b"boot\r\n\x1b[1;32m[ OK ]\x1b[0m a\tb\r\n\x1b(B\xe2\x82\xac\x1b[?25l\n")
    assert console.read(None, "shop", "web") == "boot\n[ OK ] a\tb\n€\n"


def test_no_more_of_a_log_is_read_than_is_shown(log):
    asked = log(b"x" * 1000 + b"\n" + b"last\n" * 100)
    assert console.read(None, "shop", "web")
    assert console.tail(None, "shop", "web", lines=2) == "last\nlast"
    assert asked == [-console.LOG_BYTES, -console.TAIL_BYTES]


def test_a_long_line_of_a_tail_is_cut(log):
    log(b"x" * 1000)
    assert console.tail(None, "shop", "web") == "x" * 300 + "… (700 more characters)"


def test_a_tail_says_why_it_is_none(log):
    log(LabctlError("no such volume"))
    assert console.tail(None, "shop", "web") == "(the console log can't be read: no such volume)"
