"""The plan as people see it."""

from labctl.core.plan import Plan
from labctl.report.colour import Paint
from labctl.report.plantext import render
from labctl.report.table import table
from labctl.report.words import seconds
from tests.unit.report.samples import halted, sample


def test_one_step_of_each_action(golden):
    golden("plan.txt", render(sample(), Paint()) + "\n")


def test_colours_change_nothing_but_colour():
    import re

    coloured = render(sample(), Paint(enabled=True))
    assert coloured != render(sample(), Paint())
    assert re.sub(r"\x1b\[\d+m", "", coloured) == render(sample(), Paint())


def test_halt():
    assert "~ state  running → off" in render(halted(), Paint())


def test_nothing_to_do():
    assert render(Plan("shop", "x", unchanged=4), Paint()) == "nothing to do: 4 unchanged"
    assert render(Plan("shop", "x"), Paint()) == "nothing to do"


def test_seconds():
    assert [seconds(each) for each in (0.04, 42.06, 99.9, 125)] == ["0.0 s", "42.1 s", "99.9 s", "2 min 05 s"]


def test_table():
    assert table(("a", "b"), [("long", "x"), ("y", "")], Paint()) == "A     B\nlong  x\ny"
