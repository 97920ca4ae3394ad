"""Moments that people write, and those that logs tell."""

from datetime import UTC, datetime, timedelta

import pytest

from labctl.core import moment

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("2d", 172_800),
        ("2026-11-27T11:00Z", 3600),
    ],
)
def test_a_duration_counts_back_and_a_time_is_a_time(text, ago):
    assert moment.parse_moment(text, NOW) == NOW - timedelta(seconds=ago)


def test_a_time_without_a_zone_is_local():
    assert moment.parse_moment("2026-11-27 11:00", NOW) == datetime(2026, 11, 27, 11).astimezone()


@pytest.mark.parametrize("text", ["", "10", "m", "soon", "1m1h", "99999999999999d"])
def test_anything_else_is_neither(text):
    with pytest.raises(ValueError, match=rf"^{text}$|invalid|Invalid"):
        moment.parse_moment(text, NOW)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-27 12:00:00,000 - util.py[DEBUG]: Cloud-init v. 22.4.2",
        "== web/1 2026-11-27T12:00:00+00:00 ==",
        "2026-11-27T13:00:00.5+01:00 x".replace(".5", ".0"),
        "Cloud-init v. 22.4.2 running 'init' at Fri, 27 Nov 2026 12:00:00 +0000. Up 9.1 seconds.",
    ],
)
def test_a_line_tells_its_time(line):
    assert moment.told_in(line) == NOW


@pytest.mark.parametrize("line", ["", "no time", "2026-13-45 99:99:99", f"{' ' * 300}2026-11-27 12:00:00"])
def test_most_lines_tell_none(line):
    assert moment.told_in(line) is None
