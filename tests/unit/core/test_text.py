"""Texts of others are shown, not obeyed."""

import json

import pytest

from labctl.core.text import LINES, clipped, json_text, one_line, printable

HOSTILE = {
    "clear screen": "\x1b[2J",
    "colour": "\x1b[31m",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "answer back": "\x1b[c\x05",
    "c1 csi": "\x9b31m",
    "c1 osc": "\x9d0;x\x9c",
    "back": "\b\b\b",
    "return": "done\rfake",
    "bell": "\a",
    "delete": "\x7f",
    "null": "\0",
    "form feed": "\f\v",
    "right to left": "\u202egnp.exe",
    "isolate": "\u2066x\u2069",
    "mark": "\u200f\u061c",
    "no width": "a\u200bb\u200dc\ufeff",
    "soft hyphen": "a\u00adb",
    "line separators": "a\u2028b\u2029c\x85d",
    "tags": "\U000e0041\U000e007f",
    "private": "\ue000",
    "surrogate": "\ud800",
    "bytes": "\udcff",
}
table = pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)


@table
def test_what_a_terminal_acts_on_is_escaped(hostile):
    shown = printable(f"a{hostile}b\n", LINES)
    assert shown.replace("\n", "").isprintable()
    assert shown.startswith("a")
    assert shown.endswith("b\n")


def test_what_is_kept_is_what_people_write():
    text = "é 日本\t€ 😀\n"
    assert printable(text, LINES) == text
    assert printable("a\nb") == "a\\nb"


@table
def test_json_means_the_same_and_shows_nothing_raw(hostile):
    value = {"text": [f"a{hostile}b 日本\n", hostile]}
    for text in (json_text(value), json_text(value, indent=2)):
        assert text.replace("\n", "").isprintable()
        assert "日本" in text
        assert json.loads(text) == value


@table
def test_a_line_is_one(hostile):
    assert len(printable(one_line(f"a\n{hostile}\nb", 500)).splitlines()) == 1


def test_a_long_text_says_what_is_left_out():
    assert clipped("x" * 10, 10) == "x" * 10
    assert clipped("x" * 12, 10) == "x" * 10 + "… (2 more characters)"
    assert one_line(" a \r\n\t b ", 3) == "a b"
