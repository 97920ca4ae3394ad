import re
import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from labctl.report.dot import LONGEST, render
from labctl.report.drawing import Box, Drawing, Port, Wire
from tests.unit.report.drawings import HOSTILE, cluster, hostile

SVG = "{http://www.w3.org/2000/svg}"
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="this machine has no Graphviz")


def drawn(drawing: Drawing) -> ET.Element:
    made = subprocess.run(["dot", "-Tsvg"], input=render(drawing).encode(), capture_output=True, check=True)
    assert not made.stderr
    return ET.fromstring(made.stdout)


def titles(svg: ET.Element, kind: str) -> list[str]:
    return [each.findtext(f"{SVG}title") for each in svg.iter(f"{SVG}g") if each.get("class") == kind]


def test_each_nic_is_a_line_and_each_state_has_a_look_of_its_own():
    text = render(cluster())
    assert text.count(" -- ") == 5 + 3 + 1 + 1
    assert text.count("style=dotted") == 1
    fills = {re.search(r'BGCOLOR="(#\w+)"', line)[1] for line in text.splitlines() if line.startswith("  vm")}
    assert len(fills) == len(cluster().boxes)


@needs_dot
def test_graphviz_draws_what_is_there_and_nothing_else():
    svg = drawn(cluster())
    assert sorted(titles(svg, "node")) == ["net0", "net1", "net2", "net3", *(f"vm{at}" for at in range(6))]
    assert len(titles(svg, "edge")) == 10
    texts = " ".join(each.text or "" for each in svg.iter(f"{SVG}text"))
    for part in (
        "cluster",
        "node-2",
        "running, not ready",
        "storage 10.2.0.1 fd00:1:2::1",
        "outside the lab",
    ):
        assert part in texts.replace("\u00a0", " ")


@needs_dot
def test_vms_are_below_each_other_in_their_order_and_a_network_has_the_colour_of_its_lines():
    """Graphviz would shuffle them, so that fewer lines cross."""
    wires = tuple(Wire(name, "up", ()) for name in ("back", "management"))
    both = (Port("back", ("10.1.0.1",)), Port("management", ()))
    boxes = [Box(f"app-{at}", "running", ready=True, ports=both) for at in range(1, 5)]
    svg = drawn(Drawing("wide", wires, (*boxes, Box("alone", "running", ready=True, ports=()))))
    places = {}
    for node in svg.iter(f"{SVG}g"):
        for text in node.findall(f"{SVG}text"):
            places[text.text] = (float(text.get("x")), float(text.get("y")))
    heights = [places[box.name][1] for box in boxes]
    assert heights == sorted(heights)
    assert places["alone"][0] == places["app-1"][0] > places["back"][0]
    lines = re.findall(r'net(\d).*color="(#\w+)"', render(Drawing("wide", wires, tuple(boxes))))
    fills = re.findall(r'net(\d) .*BGCOLOR="(#\w+)"', render(Drawing("wide", wires, tuple(boxes))))
    assert len(set(fills)) == 2
    assert set(lines) == set(fills)


@needs_dot
def test_hostile_names_are_names():
    """Nothing in them becomes a node, a line, a placeholder or markup."""
    svg = drawn(hostile())
    count = len(HOSTILE)
    assert sorted(titles(svg, "node")) == sorted(
        f"{kind}{at}" for kind in ("net", "vm") for at in range(count)
    )
    assert len(titles(svg, "edge")) == count * count
    assert {each.tag for each in svg.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "g", "title", "polygon", "path", "text", "polyline")
    }
    texts = " ".join(each.text or "" for each in svg.iter(f"{SVG}text")).replace("\u00a0", " ")
    texts = texts.replace("\N{SET MINUS}", "\\")
    assert 'n\\N"]; x [<b>&|`$(id)#35;' in texts
    assert "net0" not in texts
    assert "\\x1b" in texts
    assert "a" * (LONGEST + 1) not in texts


def test_a_lab_without_vms_is_a_drawing_too():
    assert "net0" in render(Drawing("x", (Wire("front", "up"),), ()))
    assert "vm0" in render(Drawing("x", (), (Box("a", "off", ready=None),)))
