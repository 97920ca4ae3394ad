"""The plan as people see it."""

from labctl.core.plan import Plan, plan
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.network.spec import DhcpHost, NetworkSpec
from labctl.report.colour import Paint
from labctl.report.plantext import render
from labctl.report.table import table
from labctl.report.words import seconds
from tests.unit.report.samples import sample, state_changed

GIB = 1 << 30


def test_one_step_of_each_action(golden):
    golden("plan.txt", render(sample(), Paint()) + "\n")


def test_colours_change_nothing_but_colour():
    import re

    coloured = render(sample(), Paint(enabled=True))
    assert coloured != render(sample(), Paint())
    assert re.sub(r"\x1b\[\d+m", "", coloured) == render(sample(), Paint())


def test_halt():
    assert "~ state  running → off" in render(state_changed("running", "off"), Paint())


def test_nothing_to_do():
    assert render(Plan("shop", "x", unchanged=4), Paint()) == "nothing to do: 4 unchanged"
    assert render(Plan("shop", "x"), Paint()) == "nothing to do"


def test_seconds():
    assert [seconds(each) for each in (0.04, 42.06, 99.9, 125)] == ["0.0 s", "42.1 s", "99.9 s", "2 min 05 s"]


def test_table():
    assert table(("a", "b"), [("long", "x"), ("y", "")], Paint()) == "A     B\nlong  x\ny"


def created(*numbers: int, size=GIB, state=None) -> str:
    """A plan that makes these instances, and of VM 9 one of another size."""
    wanted = {}
    for number in numbers:
        spec = DiskSpec("shop", f"web-{number}/root", size=2 * GIB if number == 9 else size)
        wanted[spec.address] = spec
    before, after = ({}, wanted) if state is None else (wanted, {})
    return render(plan(after, before, lab="shop", connection="x"), Paint())


def test_instances_in_a_row_to_which_the_same_happens_are_told_once():
    text = created(*range(1, 8), 9, 10, 11)
    assert text.splitlines()[2:] == [
        "  + disk/web-1/root … disk/web-7/root  (7 alike)",
        "      size  1GiB",
        "",
        "  + disk/web-9/root",
        "      size  2GiB",
        "",
        "  + disk/web-10/root",
        "      size  1GiB",
        "",
        "  + disk/web-11/root",
        "      size  1GiB",
        "",
        "plan: 10 to create, 0 unchanged",
    ]


def test_where_one_is_missing_between_it_shows():
    text = created(1, 2, 3, 4, 6, 7, 8, 10, state="there")
    assert "  - disk/web-1/root … disk/web-4/root  (4 alike, no longer wanted)\n  - disk/web-6/root" in text


def test_what_stands_between_them_does_not_part_them():
    disks = [DiskSpec("shop", f"web-{n}/{name}", size=GIB) for n in range(1, 5) for name in ("data", "root")]
    text = render(plan({each.address: each for each in disks}, {}, lab="shop"), Paint())
    assert [line for line in text.splitlines() if "disk/" in line] == [
        "  + disk/web-1/data … disk/web-4/data  (4 alike)",
        "  + disk/web-1/root … disk/web-4/root  (4 alike)",
    ]
    few = render(plan({each.address: each for each in disks[:4]}, {}, lab="shop"), Paint())
    assert [line[9:] for line in few.splitlines() if "disk/" in line] == [
        "web-1/data",
        "web-1/root",
        "web-2/data",
        "web-2/root",
    ]


def test_a_long_list_of_values_is_shortened():
    hosts = tuple(DhcpHost(f"10.0.0.{n}", f"web-{n}", f"52:54:00:00:00:{n:02}") for n in range(2, 22))
    spec = NetworkSpec("shop", "front", dhcp_hosts=hosts)
    text = render(plan({spec.address: spec}, {}, lab="shop"), Paint())
    assert "dhcp_hosts  10.0.0.2, 10.0.0.3, 10.0.0.4" in text
    assert "10.0.0.9 and 12 more\n" in text
