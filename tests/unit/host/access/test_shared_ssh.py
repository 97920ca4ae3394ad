"""The shared connection of a VM: where its socket is, how OpenSSH is told, when it ends."""

import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from labctl.host.access import shared_ssh
from labctl.host.files import runtime

URI = "qemu:///system"


@pytest.fixture
def folder(monkeypatch):
    """A folder as short as a runtime folder is, since the paths of sockets are."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(runtime, "_place", lambda: Path(short))
        yield Path(short)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What OpenSSH is called with; it does nothing."""
    (tmp_path / "ssh").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n')
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path / "asked"


def test_each_start_of_a_vm_has_a_socket_of_its_own(folder):
    paths = {
        shared_ssh.socket(uri, lab, number) for uri in (URI, "x") for lab in ("a", "b") for number in (1, 2)
    }
    assert len(paths) == 8
    assert {path.parent for path in paths} == {folder}


def test_a_path_that_is_too_long_for_a_socket_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "folder", lambda: tmp_path / ("x" * 90))
    assert shared_ssh.socket(URI, "shop", 1) is None
    assert shared_ssh.options(None) == []


def test_a_connection_notices_that_its_vm_hangs(folder):
    options = shared_ssh.options(shared_ssh.socket(URI, "shop", 7))
    assert "ControlMaster=auto" in options
    assert "ServerAliveInterval=5" in options


def test_who_only_looks_for_connections_makes_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_place", lambda: tmp_path / "labctl")
    shared_ssh.end_others(URI, "shop", list)
    assert not (tmp_path / "labctl").exists()


def test_connections_to_vms_that_run_no_more_are_ended(folder, asked):
    gone, here = (shared_ssh.socket(URI, "shop", number) for number in (3, 4))
    other = shared_ssh.socket(URI, "other", 3)
    stranger = folder / f"{gone.name}.lock"
    for each in (gone, here, other, stranger):
        each.touch()
    shared_ssh.end_others(URI, "shop", lambda: [4])
    assert sorted(folder.iterdir()) == sorted([here, other, stranger])
    assert asked.read_text() == f"-F none -o ControlPath={gone} -O exit -- labctl\n"


def test_without_connections_nothing_is_run(folder, asked):
    shared_ssh.end_others(URI, "shop", lambda: pytest.fail("libvirt is not asked"))
    assert not asked.exists()


def test_what_leads_through_a_vm_that_runs_no_more_is_ended(tmp_path):
    """OpenSSH itself, which waits for a VM that does not answer."""
    config = tmp_path / "ssh_config"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config.write_text(f"Host web db\n  HostName 127.0.0.1\n  Port {silent.getsockname()[1]}\n")
        ways = {
            jump: subprocess.Popen(["ssh", "-F", config, "-W", "[10.0.0.3]:22", jump], stdin=subprocess.PIPE)
            for jump in ("web", "db")
        }
        kept = [silent.accept() for _ in ways]
        try:
            shared_ssh.end_ways_through(tmp_path / "other", lambda: pytest.fail("libvirt is not asked"))
            shared_ssh.end_ways_through(config, lambda: ["db"])
            assert {jump: way.poll() is None for jump, way in ways.items()} == {"web": False, "db": True}
        finally:
            for way in ways.values():
                way.kill()
                way.communicate()
            for connection, _ in kept:
                connection.close()
