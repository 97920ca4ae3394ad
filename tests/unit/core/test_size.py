"""Sizes as text."""

import pytest

from labctl.core.size import format_size, format_sizes, rounded_up


def test_an_image_s_own_size_too_is_rounded_up_where_a_disk_is_made_of_it():
    assert (rounded_up(10**9), rounded_up(1 << 30), rounded_up(1)) == (1000000512, 1 << 30, 1024)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (5000000512, 5 * 10**9, ("5000000512B", "5000000000B")),
        (2 << 30, 1 << 30, ("2GiB", "1GiB")),
        (1 << 30, 1 << 30, ("1GiB", "1GiB")),
    ],
)
def test_two_sizes_that_differ_look_different(first, second, told):
    assert format_sizes(first, second) == told
    assert format_size(5000000512) == format_size(5 * 10**9)
