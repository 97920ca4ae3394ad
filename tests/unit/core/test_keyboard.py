"""Names of keys, and texts that are typed."""

import pytest

from labctl.core.errors import UsageError
from labctl.core.keyboard import named, typed


def test_keys_have_names_and_may_be_pressed_together():
    assert named(["enter", "Ctrl-Alt-Delete", "a", "F12", "-", "ctrl-c"]) == [
        (28,),
        (29, 56, 111),
        (30,),
        (88,),
        (12,),
        (29, 46),
    ]


def test_unknown_keys_are_told_with_similar_ones():
    with pytest.raises(UsageError) as caught:
        named(["entre", "ctrl-dellete", "a"])
    first, second = str(caught.value).splitlines()
    assert first.startswith("there is no key entre (did you mean enter")
    assert second.startswith("there is no key dellete in ctrl-dellete (did you mean delete")


def test_a_text_is_typed_with_shift_where_that_is_needed():
    assert list(typed("aA1!\n")) == [(30,), (42, 30), (2,), (42, 2), (28,)]
    ascii_printable = "".join(map(chr, range(32, 127)))
    assert len(set(typed(ascii_printable))) == len(ascii_printable)


def test_what_no_key_types_is_an_error():
    with pytest.raises(UsageError, match="does not have 'é'"):
        list(typed("café"))
