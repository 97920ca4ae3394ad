"""Commands over SSH; a program called `ssh` runs here what a login shell would run in the guest."""

import asyncio
import os
import secrets
import tempfile
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access.ssh_transport import SshTransport, _Words, connected
from labctl.host.access.streams import Captured
from labctl.host.access.transport import Completed
from labctl.host.files import runtime
from tests.unit.guest_port import timed_out
from tests.waiting import runs, wait_until

LOGIN_SHELLS = ("dash", "busybox sh", "bash")
# the last word is the command; a master (-N) makes its socket and stays
SSH = """#!/bin/sh
printf '%s\\n' "$*" >>{folder}/calls
for word; do case $word in ControlPath=*) socket=${{word#*=}} ;; -N) master=yes ;; esac; done
[ "$master" != yes ] || {{ : >"$socket"; exec sleep 1000; }}
exec {login} -c "$word"
"""
BROKEN = "#!/bin/sh\necho 'no route' >&2; exit 255\n"


def ssh(folder: Path, monkeypatch, text: str) -> None:
    (folder / "ssh").write_text(text)
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))


@pytest.fixture(params=LOGIN_SHELLS)
def way(request, tmp_path, monkeypatch):
    ssh(tmp_path, monkeypatch, SSH.format(folder=tmp_path, login=request.param))
    return SshTransport(Path("/lab/ssh_config"), "web", "lab")


@pytest.fixture
def short():
    """A folder as short as a runtime folder is, since the paths of sockets are."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_commands_run_with_all_that_a_process_has(way):
    async def check():
        text = "cat; echo wrong >&2; exit 7"
        assert await way.run(text, user="lab", timeout=60) == Completed(7, b"", b"wrong\n")
        assert await way.run(text, user="lab", stdin=b"said", timeout=60) == Completed(7, b"said", b"wrong\n")
        words = ["printf", "%s|", "a b", "$HOME", "'"]
        assert (await way.run(words, user="lab", timeout=60)).stdout == b"a b|$HOME|'|"
        assert (await way.run("exit 255", user="lab", timeout=60)).exit_code == 255
        assert (await way.run("kill -KILL $$", user="lab", timeout=60)).exit_code == 137
        big = os.urandom(300_000)
        assert (await way.run("exit 3", user="lab", stdin=big, timeout=60)).exit_code == 3
        assert (await way.run("cat", user="lab", stdin=big, timeout=60)).stdout == big

    asyncio.run(check())


def test_others_than_the_login_are_reached_by_sudo(way, tmp_path):
    (tmp_path / "sudo").write_text('#!/bin/sh\necho "$1 $2 $3 $4 $5"; shift 5; exec "$@"\n')
    (tmp_path / "sudo").chmod(0o755)
    done = asyncio.run(way.run("echo said", timeout=60))
    assert done.stdout == b"-n -H -u root --\nsaid\n"


def test_what_takes_too_long_is_ended_with_its_children(way, tmp_path):
    child = tmp_path / "child"
    text = f"echo begun; trap '' TERM; sleep 100 & echo $! >{child}; wait; sleep 100"
    begun = timed_out(way, text, lambda late: late.stdout and child.read_text(), user="lab")
    late = asyncio.run(begun)
    assert (late.stdout, late.stderr) == (b"begun\n", b"")
    wait_until(lambda: not runs(int(child.read_text())))


def test_what_a_command_says_is_there_at_once(way, tmp_path, monkeypatch):
    """Half a line, too; labctl's own words are not in it, even if they go on like the last letter."""
    monkeypatch.setattr(secrets, "token_hex", lambda _size: "f" * 32)
    text = f"printf half >&2; until grep -q half {tmp_path}/said; do sleep 0.1; done; printf ' done' >&2"
    with (tmp_path / "said").open("wb") as said:
        asyncio.run(way.run(text, user="lab", stderr=said, timeout=60))
    assert (tmp_path / "said").read_bytes() == b"half done"


def test_labctl_s_own_words_are_taken_out_however_they_arrive():
    mark = "a1" * 16
    told = f"a1 x{mark} runs 17\ny{mark}z a1{mark} ended 3\na1a".encode()
    for size in range(1, len(told)):
        captured = Captured()
        words = _Words(mark, captured)
        for start in range(0, len(told), size):
            words.feed(told[start : start + size])
        words.end()
        assert (words.leader, words.exit_code) == (17, 3)
        assert captured["stderr"] == f"a1 xy{mark}z a1a1a".encode()


def test_a_connection_that_fails_is_no_exit_code_of_the_command(tmp_path, monkeypatch):
    ssh(tmp_path, monkeypatch, BROKEN)

    async def check():
        with pytest.raises(LabctlError, match=r"the connection by ssh failed \(255\): no route"):
            await SshTransport(Path("/lab/ssh_config"), "web", "lab").run("true", timeout=60)
        with pytest.raises(LabctlError, match="can't log in by ssh: no route"):
            async with connected(Path("/lab/ssh_config"), "web", "lab"):
                pass

    asyncio.run(check())


def test_commands_share_a_connection_whose_socket_only_its_owner_reaches(short, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "folder", lambda: short)
    ssh(tmp_path, monkeypatch, SSH.format(folder=tmp_path, login="dash"))

    async def check():
        async with connected(Path("/lab/ssh_config"), "web", "lab") as way:
            (socket,) = short.glob("ssh-*/s")
            assert socket.parent.stat().st_mode & 0o777 == 0o700
            await way.run("true", user="lab", timeout=60)
            return socket

    socket = asyncio.run(check())
    assert not socket.parent.exists()
    master, command = (line.split() for line in (tmp_path / "calls").read_text().splitlines())
    assert master[:2] == command[:2] == ["-F", "/lab/ssh_config"]
    assert f"ControlPath={socket}" in master
    assert f"ControlPath={socket}" in command


def test_where_no_socket_fits_each_command_connects(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(runtime, "folder", lambda: long)
    ssh(long, monkeypatch, SSH.format(folder=tmp_path, login="dash"))

    async def check():
        async with connected(Path("/lab/ssh_config"), "web", "lab") as way:
            return await way.run("echo said", user="lab", timeout=60)

    assert asyncio.run(check()).stdout == b"said\n"
    assert "ControlPath" not in (tmp_path / "calls").read_text()
