"""Where verbs run."""

import os
from pathlib import Path

import pytest

import labctl.cli
from labctl.cli import inside
from labctl.cli.options import Options
from labctl.core.errors import Rejected, UsageError
from labctl.core.record import replace
from labctl.host.machine.processes import Identity
from labctl.host.rootless import joining, world
from labctl.host.rootless.state import Holder
from tests.unit.cli.test_app import PATHS
from tests.unit.cli.test_options import example

STAY = {
    "init",
    "validate",
    "show",
    "schema",
    "trust",
    "doctor",
    "completion",
    "rootless status",
    "rootless stop",
}

HOLDER = Holder(Identity(1, "1", ""), Identity(1, "1", ""))


def test_root_has_none(monkeypatch):
    monkeypatch.setattr(inside.os, "geteuid", lambda: 0)
    with pytest.raises(UsageError, match="root has no rootless libvirt"):
        inside.go(Options(connect="rootless"))


@pytest.mark.parametrize("connect", ["qemu:///system", "qemu:///session", "test:///default"])
def test_another_connection_is_left_alone(connect):
    assert inside.go(Options(connect=connect)) is None


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_all_verbs_that_need_libvirt_go_there(path):
    assert labctl.cli.parse(example(path)).libvirt == (" ".join(path) not in STAY)


WITH_LABFILE = {
    "up",
    "reload",
    "plan",
    "status",
    "wait",
    "provision",
    "graph",
    "inventory",
    "image update",
}


@pytest.fixture
def not_running(monkeypatch, tmp_path):
    """A user has no libvirt of their own yet, and is in an empty folder; starting one raises AssertionError."""

    def started(*_):
        raise AssertionError("it is started")

    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inside.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(world, "ensure", started)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_a_wrong_labfile_is_told_before_anything_is_started(not_running, path):
    Path("Labfile.yaml").write_text("labfile: 1\nname: shop\nvms: {web: {imag: none}}\n")
    call = labctl.cli.parse(example(path))
    options = replace(call.options, file=None, connect="rootless")
    error = Rejected if " ".join(path) in WITH_LABFILE else AssertionError
    with pytest.raises(error):
        inside.go(options, labfile=call.labfile)


def test_without_a_labfile_nothing_is_started(not_running):
    with pytest.raises(UsageError, match=r"no Labfile\.yaml here"):
        inside.go(Options(connect="rootless"), labfile=True)


@pytest.mark.parametrize("at", ["file", "params"])
def test_what_can_be_read_once_only_is_left_for_the_verb(not_running, at):
    os.mkfifo("pipe")
    blank_labfile = "labfile: 1\nname: shop\nvms: {web: {image: none, disk: 1MiB, memory: 32MiB}}\n"
    Path("Labfile.yaml").write_text(blank_labfile)
    options = {"file": Options(file="pipe"), "params": Options(params=["pipe"])}[at]
    with pytest.raises(AssertionError, match="it is started"):
        inside.go(replace(options, connect="rootless"), labfile=True)


@pytest.mark.parametrize("case", [(3, 3, ""), (-15, 143, ""), (-9, 137, "error: killed")])
def test_it_ends_as_the_process_inside_and_says_if_that_was_killed(monkeypatch, tmp_path, capsys, case):
    ended, code, told = case

    def leave(code):
        raise SystemExit(code)

    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(inside.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(inside.os, "_exit", leave)
    monkeypatch.setattr(world, "ensure", lambda *_: HOLDER)
    monkeypatch.setattr(joining, "go_inside", lambda _init, leave: leave(ended))
    with pytest.raises(SystemExit) as exited:
        inside.go(Options(connect="rootless"))
    assert exited.value.code == code
    assert capsys.readouterr().err.startswith(told)
