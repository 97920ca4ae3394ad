"""Lines of several VMs stay whole, and act on no terminal."""

import io
from functools import partial
from pathlib import Path

import pytest

from labctl.core.events import PlanReady, StepOutput
from labctl.core.plan import Plan
from labctl.core.planning import plan
from labctl.kinds.provision.spec import LabProvisionSpec, ProvisionSpec
from labctl.kinds.provision.work import Ansible, Shell
from labctl.report.colour import Paint
from labctl.report.plain import Plain
from labctl.report.prefixed import Prefixed, of_steps, prefixes
from labctl.report.terminal import Terminal
from tests.terminals import Tty


def written(*pieces, masked=str):
    stream = io.StringIO()
    sink = Prefixed(stream, "web | ", masked)
    for piece in pieces:
        sink.write(piece)
        sink.flush()
    before = stream.getvalue()
    sink.close()
    return before, stream.getvalue()


def test_lines_are_written_when_they_end():
    assert written(b"a\nb", b"c\r\n\nd") == (
        "web | a\nweb | bc\nweb | \n",
        "web | a\nweb | bc\nweb | \nweb | d\n",
    )


def test_nothing_of_a_vm_acts_on_a_terminal():
    assert written(b"\x1b[2J\xff\n")[1] == "web | \\x1b[2J\N{REPLACEMENT CHARACTER}\n"


def test_secrets_are_masked():
    assert (
        written(b"pass: hun", b"ter2\n", masked=lambda text: text.replace("hunter2", "***"))[1]
        == "web | pass: ***\n"
    )


def test_names_are_as_wide_as_the_widest():
    assert prefixes(["a", "bcd"], Paint()) == {"a": "a   | ", "bcd": "bcd | "}
    coloured = prefixes(["a", "b"], Paint(enabled=True))
    assert coloured["a"].replace("a |", "b |") != coloured["b"]


def steps() -> Plan:
    """A step of each of two VMs, and a playbook for both."""
    own = [ProvisionSpec(vm, 1, "k", on=(vm,), work=Shell("true")) for vm in ("web-10", "web-9")]
    played = LabProvisionSpec("", 1, "p", on=("web-9", "web-10"), work=Ansible(Path("site.yaml")))
    return plan({each.address: each for each in (*own, played)}, {})


def test_the_lines_of_steps_stand_behind_names_of_one_width():
    assert of_steps(steps(), Paint()) == {
        "ansible": "ansible | ",
        "web-9": "web-9   | ",
        "web-10": "web-10  | ",
    }


@pytest.mark.parametrize("sink", [Plain, partial(Terminal, colour=False)])
def test_each_sink_shows_them_so(sink):
    stream = io.StringIO()
    shown = sink(stream)
    shown(PlanReady(steps()))
    shown(StepOutput("provision/web-9/1", "web-9", "[1] a line"))
    assert stream.getvalue().splitlines()[-1] == "web-9   | [1] a line"


def test_a_terminal_gives_each_vm_its_colour(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Tty()
    shown = Terminal(stream)
    shown(PlanReady(steps()))
    for vm in ("web-9", "web-10"):
        shown(StepOutput(f"provision/{vm}/1", vm, "said"))
    lines = stream.getvalue().splitlines()[-2:]
    assert [line.replace("\x1b[0m", "") for line in lines] == [
        "\x1b[33mweb-9   | said",
        "\x1b[32mweb-10  | said",
    ]
