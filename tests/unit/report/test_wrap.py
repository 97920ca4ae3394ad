"""Texts as wide as the screen."""

import io

from hypothesis import given
from hypothesis import strategies as st

from labctl.report.wrap import NARROWEST, at_spaces, width, wrapped


def test_parts_are_joined_until_a_line_is_full():
    parts = ["one", "two", "three"]
    assert wrapped(parts, ",", None) == ["one , two , three"]
    assert wrapped(parts, "·", 9) == ["one · two", "· three"]


def test_what_is_too_long_for_a_line_is_broken_at_its_spaces():
    assert wrapped(["a word and another"], "·", 5) == ["a word and another"], "no shorter than the narrowest"
    assert wrapped(["twenty columns are few for this"], "·", 20) == ["twenty columns are", "few for this"]


def test_a_message_is_broken_at_spaces_and_a_command_in_it_is_not():
    text = "error: it is off\n  hint: `labctl up web` starts it"
    assert at_spaces(text, None) == text
    assert at_spaces(text, 24) == "error: it is off\n  hint: `labctl up web`\n  starts it"
    assert at_spaces(text, 20) == "error: it is off\n  hint:\n  `labctl up web`\n  starts it"
    assert at_spaces("a lone ` and a long one", 20) == "a lone ` and a long\none"


@given(st.lists(st.text("ab ", min_size=1, max_size=60).map(str.strip).filter(bool)), st.integers(1, 100))
def test_nothing_is_cut_off_and_lines_fit(parts, room):
    lines = wrapped(parts, "·", room)
    assert " ".join(lines).replace("· ", "").split() == " ".join(parts).split()
    for line in lines:
        longest = max(map(len, line.split()))
        assert len(line) <= max(room, NARROWEST, longest)


def test_what_is_no_terminal_has_no_width(tmp_path):
    assert width(io.StringIO()) is None
    with (tmp_path / "file").open("w") as file:
        assert width(file) is None
