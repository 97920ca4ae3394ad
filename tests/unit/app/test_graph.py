"""What is drawn of a Labfile and of a look at libvirt, and by whom."""

import os
from pathlib import Path

import pytest

import labctl.cli
from labctl.app import graph
from labctl.core.errors import LabctlError, UsageError
from labctl.report.drawing import Box, Format, Port, Wire
from tests.unit.overviews import network, seen, vm

ONE = (Port("front", ("10.0.0.2",)),)


def test_what_is_not_there_yet_is_absent(monkeypatch, session):
    (session.lab.folder / "Labfile.yaml").write_text(
        """
        labfile: 1
        name: shop
        defaults: {image: none, cloud_init: false}
        networks: {back: {mode: isolated, subnet: 10.2.0.0/24}, front: {}, uplink: {external: default}}
        vms:
          web: {networks: [front, uplink]}
          db: {networks: [{name: back, ip: 10.2.0.9}, {name: uplink, link: down}]}
        """
    )
    del session.__dict__["loaded"]
    seen(monkeypatch, vm("web", nics=[("front", "10.0.0.2"), ("default", "192.168.122.5")]))
    drawing = graph.look(session)
    assert drawing.wires == (
        Wire("back", "absent", ("isolated", "10.2.0.0/24")),
        Wire("front", "up", ("nat", "10.0.0.0/24")),
        Wire("uplink", "up", ("default",), own=False),
    )
    assert drawing.boxes == (
        Box("db", "absent", ready=None, ports=(Port("back", ("10.2.0.9",)), Port("uplink", (), down=True))),
        Box("web", "running", ready=True, ports=(*ONE, Port("uplink", ("192.168.122.5",)))),
    )


def test_a_lab_that_only_libvirt_has_is_drawn(monkeypatch, session):
    """The Labfile is gone, and a network of the lab and one outside of it are known by the VM's NICs."""
    Path(session.source).unlink()
    web = vm("web-1", nics=[("front", "10.0.0.2"), ("virbr", "10.9.0.1")], file=session.source)
    seen(monkeypatch, web, networks=[network(active=False)])
    drawing = graph.look(session)
    assert drawing.boxes == (Box("web-1", "running", ready=True, ports=(*ONE, Port("virbr", ("10.9.0.1",)))),)
    assert drawing.wires == (
        Wire("front", "down", ("nat", "10.0.0.0/24")),
        Wire("virbr", "up", (), own=False),
    )


def test_a_machine_without_graphviz_is_told_what_goes_without(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("labctl.host.machine.command.SBIN", "")
    with pytest.raises(LabctlError, match="Graphviz's dot, which this machine lacks") as caught:
        graph.picture("graph x {}", Format.SVG)
    assert "--format text, mermaid or dot" in caught.value.hint


def test_a_dot_that_fails_says_why(monkeypatch, tmp_path):
    dot = tmp_path / "dot"
    dot.write_text("#!/bin/sh\necho 'no such font' >&2; exit 3\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(LabctlError, match=r"dot failed \(3\): no such font"):
        graph.picture("graph x {}", Format.PNG)


@pytest.fixture
def drawn(monkeypatch, session, capsys):
    """`labctl graph` in the Labfile's folder."""
    monkeypatch.chdir(session.lab.folder)
    seen(monkeypatch, vm("web-1"))

    def run(*words):
        assert labctl.cli.run(["graph", *words]) == 0
        return capsys.readouterr().out

    return run


def test_the_ending_of_a_file_says_what_it_is(drawn, tmp_path):
    text = drawn()
    assert "└─ ● web-1" in text or "├─ ● web-1" in text
    for name, begin in (("a.mmd", "flowchart LR"), ("a.dot", "graph lab {"), ("a.txt", "front  nat")):
        assert drawn("-o", name) == ""
        assert (tmp_path / name).read_text().startswith(begin)
    assert drawn("--format", "mermaid").startswith("flowchart LR")


def test_a_format_that_there_is_not_is_told_with_those_that_are():
    with pytest.raises(UsageError, match="graph has no format gif") as error:
        graph.format_of("gif")
    assert error.value.hint == "it has text, svg, png, dot, mermaid"


def test_a_png_goes_into_a_file(drawn):
    with pytest.raises(UsageError, match="a picture as png goes into a file"):
        drawn("--format", "png")
