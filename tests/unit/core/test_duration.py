import pytest

from labctl.core.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("0s", 0),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1m500ms", 60.5),
    ],
)
def test_a_duration_has_a_unit(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5 m", "-5s", "5M", "s", "1e3s", "٣s", "5s\n", "1m1h", "1m 1s"])
def test_other_texts_are_none(text):
    with pytest.raises(ValueError, match="is no duration such as 30s, 5m or 1h"):
        parse_duration(text)
