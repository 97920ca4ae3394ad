"""Names that follow one another are told in rows."""

import pytest

from labctl.core.spans import follows, spans


@pytest.mark.parametrize(
    ("one", "next_", "is_"),
    [
        ("web-1", "web-2", True),
        ("web-9", "web-10", True),
        ("web-1", "web-3", False),
        ("web-1", "db-2", False),
        ("a-1-1", "a-2-2", False),
        ("10.0.0.9", "10.0.0.10", True),
        ("10.0.0.255", "10.0.1.0", True),
        ("10.0.1.1", "10.0.2.1", False),
        ("fd00::9", "fd00::a", True),
        ("fd00::9", "fd00::10", False),
        ("52:54:00:00:00:09", "52:54:00:00:00:0a", True),
        ("52:54:00:00:00:09", "52:54:00:00:00:10", False),
        ("10.0.0.1", "fd00::2", False),
        ("127.0.0.1:8009", "127.0.0.1:8010", True),
        ("127.0.0.1:8009", "127.0.0.2:8010", False),
        ("[fd00::1]:53", "[fd00::1]:54", True),
    ],
)
def test_what_follows(one, next_, is_):
    assert follows(one, next_) is is_


def test_more_than_a_few_in_a_row_are_told_by_their_ends():
    assert spans(["web-10", "web-2", "web-1"]) == "web-1, web-2, web-10"
    assert spans(f"web-{n}" for n in range(30, 0, -1)) == "web-1 … web-30"
    assert spans(["db", *(f"web-{n}" for n in (1, 2, 3, 4, 7))]) == "db, web-1 … web-4, web-7"
