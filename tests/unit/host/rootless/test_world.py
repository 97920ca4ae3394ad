"""What keeps a user's own libvirt from being started."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.core.record import replace
from labctl.host.machine import processes
from labctl.host.machine.doctor.check import Check
from labctl.host.rootless import world
from labctl.host.rootless.state import Holder, State, taken


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path))
    return world.own()


def no_start(_said):
    raise AssertionError("it is started")


def test_it_is_in_the_folder_of_the_users_data(own, tmp_path):
    assert own == State(tmp_path / "rootless")
    assert world.running() is None


def test_all_that_lacks_is_told_before_anything_starts(own, monkeypatch):
    checks = [
        Check("uidmap", "fail", "newuidmap is not there", "apt-get install uidmap"),
        Check("pasta", "warn", "not found", "apt-get install passt"),
        Check("subuid", "fail", "none", "usermod", "ask somebody"),
    ]
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(checks))
    with pytest.raises(LabctlError) as error:
        world.ensure(own, no_start)
    assert str(error.value).splitlines()[1:] == [
        "  uidmap: newuidmap is not there",
        "    mend it: `apt-get install uidmap`",
        "  subuid: none",
        "    mend it: `usermod`; ask somebody",
    ]


def test_why_it_is_not_the_systems_is_told_with_what_lacks_and_with_the_start(own, monkeypatch):
    lacking = [Check("logout", "fail", "no", advice="log in again")]
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(lacking))
    with pytest.raises(LabctlError) as error:
        world.ensure(own, no_start, "is closed to you")
    assert str(error.value).splitlines() == [
        "the system's libvirt is closed to you, and this machine lacks what a libvirt of your own, rootless, needs:",
        "  logout: no",
        "    mend it: log in again",
    ]
    lacking.clear()
    said = []
    monkeypatch.setattr(world, "_launch", lambda *_: None)
    with pytest.raises(LabctlError, match="ended as soon as"):
        world.ensure(own, said.append, "is closed to you")
    assert said[0] == f"the system's libvirt is closed to you: {world.STARTING}"


def test_a_home_that_several_machines_share_has_one(own, monkeypatch):
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(()))
    monkeypatch.setattr(world, "_END_S", 0.2)
    held = own.open_lock("held.lock")
    assert taken(held)
    monkeypatch.setattr(world, "_SILENT_S", 0.1)
    said = []
    with pytest.raises(LabctlError, match="runs on another machine"):
        world.ensure(own, said.append)
    os.close(held)
    assert said == [world.STARTING, world.WAITING]


def test_one_whose_starter_was_killed_is_gone_on_with(own, monkeypatch):
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(()))
    monkeypatch.setattr(world.logout, "ends_until", lambda: "")
    here = processes.identity(os.getpid())
    held = own.open_lock("held.lock")
    assert taken(held)
    ready = threading.Timer(0.3, own.write_holder, (Holder(here, here),))
    ready.start()
    assert world.ensure(own, lambda _: None) == Holder(here, here)
    ready.join()
    os.close(held)


def test_one_that_is_just_ending_is_waited_for(own, monkeypatch):
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(()))
    monkeypatch.setattr(world, "_launch", lambda *_: None)
    held = own.open_lock("held.lock")
    assert taken(held)
    ending = threading.Timer(0.3, os.close, (held,))
    ending.start()
    with pytest.raises(LabctlError, match="ended as soon as it was started"):
        world.ensure(own, lambda _: None)
    ending.join()


def test_a_start_that_fails_names_files_that_are_there_outside(own, monkeypatch, tmp_path):
    program = tmp_path / "holder"
    program.write_text("#!/bin/sh\necho libvirtd: it does not answer >/proc/self/fd/$5\n")
    program.chmod(0o755)
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(()))
    monkeypatch.setattr(world.sys, "executable", str(program))
    with pytest.raises(LabctlError, match="did not start: libvirtd: it does not answer") as error:
        world.ensure(own, lambda _: None)
    for name in ("world.log", "log/libvirt/libvirtd.log"):
        assert str(own.folder / name) in error.value.hint


def test_what_an_earlier_one_left_outside_is_ended_before_a_start(own, monkeypatch):
    left = subprocess.Popen(["sleep", "1000"])
    here = processes.identity(os.getpid())
    own.write_holder(Holder(here, replace(here, pid=4711, started="0")))
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(()))
    monkeypatch.setattr(world.way_out, "left", lambda init: [left.pid] if init == 4711 else [])
    monkeypatch.setattr(world, "_launch", lambda *_: left.wait(20))
    with pytest.raises(LabctlError, match="ended as soon as it was started"):
        world.ensure(own, lambda _: None)
    assert left.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("pasta", "opened", "told"),
    [
        ("/usr/bin/pasta", True, ""),
        ("/usr/bin/pasta", False, "pasta found no way out"),
        (None, False, "pasta is not there"),
    ],
)
def test_a_start_without_a_way_out_says_so(own, monkeypatch, pasta, opened, told):
    here = processes.identity(os.getpid())
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(()))
    monkeypatch.setattr(world.logout, "ends_until", lambda: "")
    monkeypatch.setattr(world, "_launch", lambda own, _held: own.write_holder(Holder(here, here)))
    monkeypatch.setattr(world.command, "path", lambda _tool: pasta)
    monkeypatch.setattr(world.way_out, "is_open", lambda _init: opened)
    said = []
    world.ensure(own, said.append)
    assert said[0] == world.STARTING
    assert [line[: len(told)] for line in said[1:]] == ([told] if told else [])
    world.ensure(own, no_start)


def test_an_interruption_ends_what_was_begun(own, monkeypatch, tmp_path):
    program, begun = tmp_path / "holder", tmp_path / "begun"
    program.write_text(f"#!/bin/sh\necho $$ >{begun}.new\nmv {begun}.new {begun}\nexec sleep 100\n")
    program.chmod(0o755)
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(()))
    monkeypatch.setattr(world.sys, "executable", str(program))
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    interrupting, popen = [], subprocess.Popen

    def started(argv, **options):
        if world.holder.__name__ in argv:
            waiting = threading.Thread(target=interrupt_while_it_waits, args=(begun, options["pass_fds"][0]))
            waiting.start()
            interrupting.append(waiting)
        return popen(argv, **options)

    monkeypatch.setattr(world.subprocess, "Popen", started)
    with pytest.raises(KeyboardInterrupt):
        world.ensure(own, lambda _: None)
    interrupting[0].join()
    signal.signal(signal.SIGUSR1, before)
    assert not Path("/proc", begun.read_text().strip()).exists()


def interrupt_while_it_waits(begun, told):
    """For the answer of what has begun: it lets go of its own end of the pipe first. Before that, nobody ends it."""
    while not begun.exists() or Path(f"/proc/self/fd/{told}").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGUSR1)
