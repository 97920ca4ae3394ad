"""A daemon of libvirt's that ends, or can't be started again."""

import os
import sys
import time
from pathlib import Path

import pytest

from labctl.host.rootless import daemon
from labctl.host.rootless.contents import Failed
from labctl.host.rootless.daemon import Daemon

LISTENS = """#!{python}
import os, socket, time
made = socket.socket(socket.AF_UNIX)
made.bind({place!r})
made.listen()
with open({starts!r}, "a") as starts:
    print(os.getpid(), file=starts)
time.sleep(100)
"""


@pytest.fixture
def libvirtd(tmp_path):
    """A program that listens, and the daemon that it is."""
    program, place = tmp_path / "libvirtd", tmp_path / "socket"
    text = LISTENS.format(python=sys.executable, place=str(place), starts=str(tmp_path / "starts"))
    program.write_text(text)
    program.chmod(0o755)
    told = []
    made = Daemon(str(program), str(place), lambda: None, told.append)
    made.told = told
    made.program, made.place, made.starts = program, place, tmp_path / "starts"
    yield made
    made.end()


def pid(libvirtd, start):
    """The PID of its start of this number, once that listens."""
    deadline = time.monotonic() + 20
    while len(lines := libvirtd.starts.read_text().split()) <= start:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int(lines[start])


def test_one_that_ended_is_started_again_without_waiting_for_it(libvirtd, monkeypatch):
    monkeypatch.setattr(daemon, "PAUSE_S", 0.0)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/python/lib")
    libvirtd.start()
    first = pid(libvirtd, 0)
    environment = Path(f"/proc/{first}/environ").read_text()
    assert "LD_LIBRARY_PATH" not in environment
    assert "HOME=" in environment
    libvirtd.keep(set())
    os.kill(first, 9)
    os.waitpid(first, 0)
    libvirtd.place.unlink()
    libvirtd.keep({first})
    assert pid(libvirtd, 1) != first


def test_a_start_that_fails_is_told_and_tried_again_after_a_pause(libvirtd, monkeypatch):
    monkeypatch.setattr(daemon, "PAUSE_S", 0.0)
    libvirtd.start()
    first = pid(libvirtd, 0)
    os.kill(first, 9)
    os.waitpid(first, 0)
    libvirtd.place.unlink()
    away = libvirtd.program.rename(libvirtd.program.with_name("away"))
    for reaped in ({first}, ()):
        libvirtd.keep(reaped)
        assert "No such file" in libvirtd.told.pop()
    away.rename(libvirtd.program)
    monkeypatch.setattr(daemon, "PAUSE_S", 100.0)
    libvirtd.keep(())
    assert len(libvirtd.starts.read_text().split()) == 1
    monkeypatch.setattr(daemon, "PAUSE_S", 0.0)
    libvirtd.keep(())
    assert pid(libvirtd, 1) != first


def test_one_that_never_answers_fails_at_its_first_start(libvirtd):
    libvirtd.program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(Failed, match="it does not answer"):
        libvirtd.start()
