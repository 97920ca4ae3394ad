"""What arrives in pieces is told in lines."""

import pytest

from labctl.core.lines import LONGEST, Lines

TEXT = "boot\r\nok €\nlast\n"


@pytest.mark.parametrize("size", range(1, 12))
def test_lines_are_whole_wherever_the_pieces_end(size):
    data, lines = TEXT.encode(), Lines()
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    assert [line for piece in pieces for line in lines.feed(piece)] == ["boot", "ok €", "last"]
    assert lines.rest() == []


def test_a_line_without_an_end_is_the_rest():
    lines = Lines()
    assert lines.feed(b"one\nlogin: ") == ["one"]
    assert (lines.rest(), lines.rest()) == (["login: "], [])


def test_a_line_that_does_not_end_is_told_in_parts():
    lines = Lines()
    assert [len(line) for line in lines.feed(b"x" * (2 * LONGEST + 1))] == [LONGEST, LONGEST]
    assert lines.rest() == ["x"]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_no_part_ends_within_a_character(end):
    lines = Lines(longest=4)
    assert [*lines.feed("€€€".encode() + end), *lines.rest()] == ["€", "€", "€"]
    assert "".join([*lines.feed(b"\x80" * 9 + end), *lines.rest()]) == "\N{REPLACEMENT CHARACTER}" * 9
