"""What arrives in pieces is told in lines."""

import pytest

from labctl.host.access.lines import LONGEST, Lines

TEXT = "boot\r\n\x1b[1;32mok\x1b[0m €\nlast\n"


@pytest.mark.parametrize("size", range(1, 12))
def test_lines_are_whole_wherever_the_pieces_end(size):
    data, lines = TEXT.encode(), Lines()
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    assert [line for piece in pieces for line in lines.feed(piece)] == ["boot", "ok €", "last"]
    assert lines.rest() == ""


def test_a_line_without_an_end_is_the_rest():
    lines = Lines()
    assert lines.feed(b"one\nlogin: ") == ["one"]
    assert (lines.rest(), lines.rest()) == ("login: ", "")


def test_a_line_that_does_not_end_is_told_in_parts():
    lines = Lines()
    assert [len(line) for line in lines.feed(b"x" * (LONGEST + 1))] == [LONGEST + 1]
