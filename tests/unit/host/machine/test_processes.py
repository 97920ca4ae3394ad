"""Processes, told from others with their PID."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.machine import processes
from tests.waiting import wait_until


def test_a_process_is_known_by_its_start():
    own = processes.identity(os.getpid())
    assert own.alive
    assert processes.facts(os.getpid()).session == os.getsid(0)


def test_one_that_ended_is_none_also_before_somebody_waits_for_it():
    child = subprocess.Popen(["sleep", "60"])
    seen = processes.identity(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not seen.alive
    with pytest.raises(LabctlError):
        processes.identity(child.pid)
    child.wait()
    assert processes.facts(child.pid) is None


def test_those_of_a_pid_namespace_within_are_not_this_machines():
    argv = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "sleep", "61.7"]
    with subprocess.Popen(argv) as outer:
        try:
            children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
            wait_until(children.read_text)
            inner = Path(f"/proc/{int(children.read_text())}")
            wait_until(lambda: inner.joinpath("cmdline").read_bytes() == b"sleep\x0061.7\0")
            assert inner.stat().st_uid == os.geteuid()
            assert not list(processes.own_with(("sleep", "61.7")))
            assert processes.pids(int(inner.name)) == [int(inner.name), 1]
        finally:
            outer.kill()


def test_those_of_this_user_are_found_by_how_their_arguments_begin():
    with subprocess.Popen(["sleep", "61.5", "0"]) as child:
        try:
            while not Path(f"/proc/{child.pid}/cmdline").read_bytes():
                time.sleep(0.01)  # for a moment, a program that has just begun shows no arguments
            assert (child.pid, ["sleep", "61.5", "0"]) in processes.own_with(("sleep", "61.5"))
            assert not list(processes.own_with(("sleep", "61")))
        finally:
            child.kill()
