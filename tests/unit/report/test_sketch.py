import re

import pytest

from labctl.report.colour import Paint, unsealed
from labctl.report.drawing import Box, Drawing, Port, Wire
from labctl.report.sketch import ASCII, LINES, Style, render, signs
from tests.unit.report.drawings import cluster

LONG = "a" * 31


def test_networks_are_bars_with_their_vms_below():
    drawing = Drawing(
        "shop",
        (Wire("back", "up", ("isolated", "10.2.0.0/24")), Wire("front", "absent", ("nat",))),
        (
            Box("db", "running", ready=True, ports=(Port("back", ("10.2.0.2",)),)),
            Box("web-1", "absent", ready=None, ports=(Port("back", ("10.2.0.3",)), Port("front"))),
            Box("alone", "off", ready=None),
        ),
    )
    assert render(drawing, Style(width=40)).split("\n") == [
        "back  isolated, 10.2.0.0/24",
        "━" * 40,
        "├─ ● db     ready   10.2.0.2",
        "└─ ○ web-1  absent  10.2.0.3",
        "",
        "front  nat, absent",
        "╌" * 40,
        "└─ ○ web-1  absent",
        "",
        "on no network",
        "└─ ○ alone  off",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("chars", [LINES, ASCII])
def test_it_keeps_to_the_width(width, chars):
    many = tuple(f"fd00:1234:5678:9abc:def0:1234:5678:{at:x}" for at in range(4096, 4100))
    long = Drawing(
        "x",
        (Wire(LONG, "up", ("isolated", *many)),),
        (Box(LONG, "running", ready=False, ports=(Port(LONG, many),)),),
    )
    for drawing in (cluster(), long):
        assert max(map(len, render(drawing, Style(Paint(), width, chars)).split("\n"))) <= max(width, 46)


def test_nothing_is_left_out_where_it_is_narrow():
    text = render(cluster(), Style(width=40))
    assert all(
        part in text
        for part in ("10.2.0.5", "fd00:1:2::5", "running, not ready", "link down", "192.168.122.7")
    )


def test_a_stream_that_has_no_lines_gets_ascii():
    assert [signs(each) for each in ("utf-8", "ascii", "latin-1", None, "what")] == [
        LINES,
        ASCII,
        ASCII,
        ASCII,
        ASCII,
    ]
    assert render(cluster(), Style(signs=ASCII)).isascii()


def test_colours_only_repeat_what_the_words_say():
    coloured = unsealed(render(cluster(), Style(Paint(enabled=True))))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == render(cluster())
