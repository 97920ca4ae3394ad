"""When PID 1 of a user's own libvirt may end."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from labctl.host.rootless import init
from labctl.host.rootless.state import taken


def test_nobody_gets_in_once_it_ends(state):
    used = state.open_lock("used.lock")
    with state.using():
        assert not init.alone(used)
    assert init.alone(used)
    late = state.open_lock("used.lock")
    assert not taken(late)
    os.close(late)
    os.close(used)


def test_a_home_that_is_away_for_a_moment_ends_nothing(state, monkeypatch):
    def away(*_):
        raise OSError(errno.ESTALE, "Stale file handle")

    used = state.open_lock("used.lock")
    monkeypatch.setattr(init.os, "listdir", away)
    monkeypatch.setattr(fcntl, "flock", away)
    assert init.has_objects()
    assert not init.alone(used)
    os.close(used)


def test_a_network_that_runs_is_something_that_somebody_made(tmp_path):
    assert not init.has_objects(tmp_path)
    made = tmp_path / "run/libvirt/network/front.xml"
    made.parent.mkdir(parents=True)
    made.touch()
    assert init.has_objects(tmp_path)


def test_a_home_that_cant_be_looked_at_may_have_a_lab(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/libvirt").symlink_to("libvirt")
    assert init.has_objects(tmp_path)


def test_a_full_disk_below_its_log_ends_nothing():
    program = "from labctl.host.rootless import init; init._tell('libvirtd has ended'); print('goes on')"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )
    assert done.stdout == "goes on\n"


def test_a_lock_is_known_to_be_deleted_and_not_to_be_moved(state):
    used = state.open_lock("used.lock")
    assert not init.deleted(used)
    moved = state.folder.rename(state.folder.with_name("moved"))
    assert not init.deleted(used)
    shutil.rmtree(moved)
    assert init.deleted(used)
    os.close(used)
    assert not init.deleted(used)


def test_what_ended_is_reaped_and_named():
    child = os.fork()
    if child == 0:
        os._exit(0)
    found = set()  # other tests may have left children
    while child not in found:
        found |= init.reaped()
    assert child not in init.reaped()
