"""Commands over SSH; a program called `ssh` runs here what a login shell would run in the guest."""

import asyncio
import os
import secrets
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access.ssh_transport import SshTransport, _Words, connected
from labctl.host.access.streams import Captured
from labctl.host.access.transport import Completed
from tests.unit.guest_port import timed_out
from tests.waiting import runs, wait_until

LOGIN_SHELLS = ("dash", "busybox sh", "bash")
# the last word is the command; the first one that may makes the control socket, which `-O check` asks for
SSH = """#!/bin/sh
printf '%s\\n' "$*" >>{folder}/calls
for word; do case $word in ControlPath=*) socket=${{word#*=}} ;; check) check=yes ;; esac; done
[ "$check" != yes ] || exec test ! -e {folder}/dead
[ ! "$socket" ] || : >"$socket"
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
    late = asyncio.run(timed_out(way, text, child, user="lab"))
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
            async with connected(Path("/lab/ssh_config"), "web", "lab", tmp_path / "control"):
                pass

    asyncio.run(check())


def said(control):
    async def run():
        async with connected(Path("/lab/ssh_config"), "web", "lab", control) as way:
            return await way.run("echo said", user="lab", timeout=60)

    return asyncio.run(run()).stdout


def test_commands_share_a_connection_that_the_first_one_makes(tmp_path, monkeypatch):
    ssh(tmp_path, monkeypatch, SSH.format(folder=tmp_path, login="dash"))
    control = tmp_path / "control"
    assert said(control) == said(control) == b"said\n"
    login, first, check, second = (line.split() for line in (tmp_path / "calls").read_text().splitlines())
    assert {tuple(each[:2]) for each in (login, first, check, second)} == {("-F", "/lab/ssh_config")}
    assert "ControlMaster=auto" in login
    assert login[-1] == "true"
    assert check[check.index("-O") + 1] == "check"
    for each in (login, first, check, second):
        assert f"ControlPath={control}" in each
    for each in (
        first,
        second,
    ):  # a command never becomes the connection of others: their end would be its own
        assert "ControlMaster=no" in each


def test_a_socket_that_nobody_answers_on_is_made_anew(tmp_path, monkeypatch):
    ssh(tmp_path, monkeypatch, SSH.format(folder=tmp_path, login="dash"))
    (tmp_path / "control").touch()
    (tmp_path / "dead").touch()
    assert said(tmp_path / "control") == b"said\n"
    check, login, _ = (tmp_path / "calls").read_text().splitlines()
    assert "-O check" in check
    assert "ControlMaster=auto" in login


def test_where_no_socket_fits_each_command_connects(tmp_path, monkeypatch):
    ssh(tmp_path, monkeypatch, SSH.format(folder=tmp_path, login="dash"))
    assert said(None) == b"said\n"
    assert "Control" not in (tmp_path / "calls").read_text()


def test_ctrl_c_at_the_terminal_reaches_no_ssh(tmp_path, monkeypatch):
    """Labctl ends the command in the guest, for which it needs the connection."""
    ssh(tmp_path, monkeypatch, SSH.format(folder=tmp_path, login="dash"))
    way = SshTransport(Path("/lab/ssh_config"), "web", "lab")
    done = asyncio.run(way.run("ps -o sid= -p $PPID", user="lab", timeout=60))
    assert int(done.stdout) != os.getsid(0)
