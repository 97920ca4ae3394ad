import pytest

from labctl.report.drawing import Box
from tests.unit.report.drawings import cluster


@pytest.mark.parametrize(
    ("state", "ready", "words"),
    [
        ("running", True, "ready"),
        ("running", False, "running, not ready"),
        ("running", None, "running"),
        ("off", None, "off"),
    ],
)
def test_a_vm_says_in_words_how_it_is(state, ready, words):
    assert Box("web", state, ready).words == words


def test_the_vms_on_a_network_come_with_the_nics_by_which_they_are():
    drawing = cluster()
    wire = next(each for each in drawing.wires if each.name == "storage")
    assert [(box.name, port.addresses[0]) for box, port in drawing.on(wire)] == [
        ("node-1", "10.2.0.1"),
        ("node-3", "10.2.0.3"),
        ("node-5", "10.2.0.5"),
    ]
