"""A log that grows is followed without a gap, and nothing is told twice."""

from itertools import islice

import pytest

from labctl.app import logs

LINES = "".join(f"line {number}\n" for number in range(5000))


@pytest.mark.parametrize(
    ("seen", "text", "added"),
    [
        ("", "boot\n", "boot\n"),
        ("boot\n", "boot\nok\n", "ok\n"),
        ("old\n", "new after a rotation\n", "new after a rotation\n"),
        (LINES, LINES[20_000:] + "more\n", "more\n"),  # of a long log only the end is read
    ],
)
def test_what_is_new_is_told(monkeypatch, seen, text, added):
    monkeypatch.setattr(logs, "POLL_S", 0)
    texts = iter([seen, text])
    monkeypatch.setattr(logs, "read", lambda _session, _vm: next(texts))
    assert list(islice(logs.follow(None, "web", seen), 1)) == [added]
