"""How far a copy is: a bar on a terminal, which leaves nothing behind."""

import io

from labctl.report.transfer import Transfer


def test_a_copy_shows_how_far_it_is():
    stream = io.StringIO()
    with Transfer(stream, enabled=True) as transfer:
        for done in (0, 1 << 20, 2 << 20):
            transfer("a [bold]\x1b[2J", done, 2 << 20)
    assert "a [bold]\\x1b[2J" in stream.getvalue()
    assert "2.0/2.0 MiB" in stream.getvalue()


def test_nothing_is_shown_elsewhere():
    stream = io.StringIO()
    with Transfer(stream, enabled=False) as transfer:
        transfer("a", 1, 2)
    assert stream.getvalue() == ""
