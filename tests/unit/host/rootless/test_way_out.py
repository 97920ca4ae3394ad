"""pasta is started for the world, waited for, and started again when it ends."""

import errno
import os
import shutil
import subprocess
import time

import pytest

from labctl.host.rootless import way_out
from labctl.host.rootless.way_out import WayOut

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
LINK = "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
DEFAULT = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
ANY = "0" * 32
END6 = f"{ANY} 00 {ANY} 00 {ANY} ffffffff 00000001 00000000 00200200       lo\n"
DEFAULT6 = f"{ANY} 00 {ANY} 00 fd{'0' * 29}1 00000400 00000003 00000000 00000003     eth0\n"


@pytest.mark.parametrize(
    ("four", "six", "opened"),
    [
        (HEAD, END6, False),
        (HEAD + LINK, END6, False),
        (HEAD + LINK + DEFAULT, END6, True),
        (HEAD, END6 + DEFAULT6, True),
        (HEAD + DEFAULT, None, True),
        (None, None, False),
    ],
)
def test_a_default_route_is_the_way_out(tmp_path, four, six, opened):
    net = tmp_path / "7/net"
    net.mkdir(parents=True)
    for name, text in (("route", four), ("ipv6_route", six)):
        if text is not None:
            (net / name).write_text(text)
    assert way_out.is_open(7, tmp_path) == opened


@pytest.fixture
def pasta(tmp_path, monkeypatch):
    """Makes a program that stands for pasta and says each start; nothing is configured by it."""
    monkeypatch.setattr(way_out, "is_open", lambda _init: False)

    def made(then):
        program = tmp_path / "pasta"
        program.write_text(f"#!/bin/sh\necho started >>{tmp_path}/starts\n{then}\n")
        program.chmod(0o755)
        return str(program)

    made.starts = lambda: (tmp_path / "starts").read_text().count("started")
    return made


def test_it_is_started_again_after_pauses_that_grow(pasta, monkeypatch):
    monkeypatch.setattr(way_out, "PAUSE_S", 0.1)
    monkeypatch.setattr(way_out, "LONGEST_S", 0.4)
    kept = WayOut(pasta("exit 1"), os.getpid(), ())
    kept.wait()
    assert pasta.starts() == 1
    begun, seen = time.monotonic(), []
    while len(seen) < 4:
        kept.keep()
        time.sleep(0.01)
        if pasta.starts() > len(seen) + 1:
            seen.append(time.monotonic() - begun)
    assert seen[3] >= 0.1 + 0.2 + 0.4 + 0.4 - 0.1
    kept.end()


def test_one_that_runs_is_left_alone_and_its_pause_is_short_again(pasta, monkeypatch):
    monkeypatch.setattr(way_out, "LONGEST_S", 0.1)
    kept = WayOut(pasta("exec sleep 100"), os.getpid(), ())
    kept.pause = 100.0
    time.sleep(0.2)
    kept.keep()
    assert kept.pause == way_out.PAUSE_S
    assert pasta.starts() == 1
    kept.end()


def test_one_that_configures_nothing_is_not_waited_for_for_ever(pasta, monkeypatch):
    monkeypatch.setattr(way_out, "START_S", 0.1)
    kept = WayOut(pasta("exec sleep 100"), os.getpid(), ())
    kept.wait()
    kept.end()


def test_a_process_that_cant_be_started_now_is_tried_again(pasta, monkeypatch):
    monkeypatch.setattr(way_out, "PAUSE_S", 0.1)
    kept = WayOut(pasta("exit 1"), os.getpid(), ())
    kept.wait()
    popen, refused = subprocess.Popen, []

    def full(argv):
        if not refused:
            refused.append(argv)
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return popen(argv)

    monkeypatch.setattr(way_out.subprocess, "Popen", full)
    deadline = time.monotonic() + 20
    while pasta.starts() < 2 and time.monotonic() < deadline:
        kept.keep()
        time.sleep(0.02)
    assert refused
    assert pasta.starts() == 2
    kept.end()


def test_it_is_started_anew_when_the_machine_asks_others_for_names(pasta, monkeypatch, tmp_path):
    """Pasta reads whom at its start alone. While the file is put in place it may be away, or empty."""
    machines = tmp_path / "resolv.conf"
    machines.write_text("nameserver 192.0.2.1\n")
    monkeypatch.setattr(way_out, "_NAME_SERVERS", machines)
    monkeypatch.setattr(way_out, "PAUSE_S", 0.1)
    kept = WayOut(pasta("exec sleep 100"), os.getpid(), ())

    def starts():
        kept.keep()
        time.sleep(0.1)
        return pasta.starts()

    time.sleep(0.1)
    machines.write_text("# by another\nsearch example.org\nnameserver 192.0.2.1\n")
    assert starts() == 1
    machines.write_text("nameserver\n")
    assert starts() == 1
    machines.unlink()
    assert starts() == 1
    machines.write_text("nameserver 192.0.2.2\n")
    assert [starts(), starts()] == [2, 2]
    kept.end()


def test_one_that_outlived_its_world_is_found_and_no_other_one(monkeypatch):
    """As where AppArmor confines it: the kernel does not end it with a killed holder then."""
    program, gone = "/opt/labctl-tests/pasta", subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setattr(way_out.command, "path", lambda _name: program)
    monkeypatch.setattr(way_out, "_PASTA", ("1000",))
    outlived, used = [
        subprocess.Popen([program, "1000", str(pid)], executable=shutil.which("sleep"))
        for pid in (gone.pid, os.getpid())
    ]
    assert way_out.left(gone.pid) == [outlived.pid]
    assert way_out.left(os.getpid()) == []
    for each in (outlived, used):
        each.kill()
        each.wait()
