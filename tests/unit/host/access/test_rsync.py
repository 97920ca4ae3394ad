"""What rsync is told, and what it then does; here it copies from folder to folder."""

import asyncio
import os
import subprocess
import sys

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access import rsync
from labctl.host.access.streams import while_fed
from labctl.host.access.transport import Transport
from labctl.host.files import run_folder
from labctl.host.machine import command


class Here(Transport):
    """A guest that is this machine."""

    async def _execute(self, text, user, stdin, captured):
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("sh", "-c", text, stdin=pipe, stdout=pipe, stderr=pipe)

        async def feed():
            while piece := await stdin.read(65536):
                process.stdin.write(piece)
                await process.stdin.drain()
            process.stdin.close()

        async def take():
            while piece := await process.stdout.read(65536):
                captured.write("stdout", piece)
            return await process.wait()

        try:
            return await while_fed(take(), feed())
        finally:
            if process.returncode is None:
                process.kill()
            process.stdin.close()
            # to the end of its pipes: what is open when the loop ends complains later
            await process.communicate()


def told(job, target=None):
    argv = rsync.arguments(job, "web", "ssh", "rsync")
    if target is None:
        return argv
    local = [each for each in argv[:-1] if not each.startswith(("--rsh", "--rsync-path", "--chown"))]
    return [*local, f"{target}/"]


def copied(tmp_path, *exclude):
    source, target = tmp_path / "source", tmp_path / "target"
    target.mkdir()
    job = rsync.Job(str(source), "/srv/app", "lab:1000", exclude)
    subprocess.run(["rsync", *told(job, target)], check=True)
    return sorted(str(each.relative_to(target)) for each in target.rglob("*"))


@pytest.fixture
def source(tmp_path):
    if command.path("rsync") is None:
        pytest.skip("no rsync here")
    made = tmp_path / "source"
    (made / "sub/.labctl/shop").mkdir(parents=True)
    (made / ".labctl").mkdir()
    (made / ".labctl/key").write_text("secret")
    (made / "file").write_text("one")
    (made / "left.o").write_text("out")
    (made / "out").symlink_to("/etc/passwd")
    (made / "in").symlink_to("file")
    return made


def test_keys_and_what_lies_outside_are_never_copied(source, tmp_path):
    assert copied(tmp_path) == ["file", "in", "left.o", "sub"]


def test_no_pattern_takes_that_back(source, tmp_path):
    assert copied(tmp_path, "!", "+ .labctl", "*.o") == ["file", "in", "sub"]


def test_what_the_target_has_besides_goes(source, tmp_path):
    job = rsync.Job(str(source), "/srv/app", "lab:1000")
    target = tmp_path / "target"
    target.mkdir()
    (target / "strange").touch()
    subprocess.run(["rsync", *told(job, target)], check=True)
    assert not (target / "strange").exists()


def test_names_are_no_options_and_no_words():
    argv = told(rsync.Job("/home/me/-x y", "/srv/-a b", "lab:1000", ("-rf",)))
    assert argv[-3:] == ["--", "/home/me/-x y/", "web:/srv/-a b/"]
    assert "--filter=- -rf" in argv
    assert "--protect-args" in argv


def test_it_goes_over_any_transport(source, tmp_path, monkeypatch):
    """As over labctl's port, where no network leads to the guest."""
    monkeypatch.setattr(run_folder.runtime, "folder", lambda: tmp_path)
    target = tmp_path / 'it\'s "there"'
    (source / "big").write_bytes(os.urandom(3 << 20))
    owner = f"{os.geteuid()}:{os.getegid()}"
    job = rsync.Job(str(source), str(target), owner, ("*.o",))
    asyncio.run(rsync.copy_by(job, Here(), "folder/web/srv"))
    assert (target / "big").read_bytes() == (source / "big").read_bytes()
    assert sorted(each.name for each in target.iterdir()) == ["big", "file", "in", "sub"]


def test_a_transport_that_fails_is_told(source, tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.runtime, "folder", lambda: tmp_path)

    class Gone(Here):
        async def _execute(self, text, user, stdin, captured):
            raise LabctlError("it hung up")

    with pytest.raises(LabctlError, match="rsync failed"):
        asyncio.run(rsync.copy_by(rsync.Job(str(source), "/srv/x", "0:0"), Gone(), "folder/web/srv"))


def test_no_module_of_the_folder_that_it_was_called_in_is_run(source, tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.runtime, "folder", lambda: tmp_path)
    strange, ran = tmp_path / "clone", tmp_path / "ran"
    (strange / "labctl").mkdir(parents=True)
    for name in ("labctl/__init__.py", "json.py", "socket.py"):
        (strange / name).write_text(f"open({str(ran)!r}, 'w')\n")
    monkeypatch.chdir(strange)
    monkeypatch.setenv("PYTHONPATH", str(strange))
    job = rsync.Job(str(source), str(tmp_path / "target"), f"{os.geteuid()}:{os.getegid()}")
    asyncio.run(rsync.copy_by(job, Here(), "folder/web/srv"))
    assert (tmp_path / "target/file").exists()
    assert not ran.exists()


STANDS_IN = """#!{python}
import shlex, subprocess, sys
(shell,) = (each.partition("=")[2] for each in sys.argv if each.startswith("--rsh="))
pipe = subprocess.PIPE
process = subprocess.Popen([*shlex.split(shell), "guest", "rsync"], stdin=pipe, stdout=pipe)
sent = bytes(8 << 20)
process.stdin.write(sent)
process.stdin.close()
sys.exit(process.stdout.read() != sent)
"""


class Echo(Here):
    async def _execute(self, text, user, stdin, captured):
        return await super()._execute("cat", user, stdin, captured)


@pytest.fixture
def stands_in(tmp_path, monkeypatch):
    """A program in the place of rsync."""

    def put(text):
        program = tmp_path / "program"
        program.write_text(text.replace("{python}", sys.executable))
        program.chmod(0o755)
        monkeypatch.setattr(command, "path", lambda _tool: str(program))
        monkeypatch.setattr(run_folder.runtime, "folder", lambda: tmp_path)

    return put


def test_an_rsync_that_does_not_read_yet_stops_nothing(stands_in):
    stands_in(STANDS_IN)
    asyncio.run(rsync.copy_by(rsync.Job("/a", "/b", "0:0"), Echo(), "folder/web/srv"))


def test_what_waits_for_it_has_a_bound(stands_in, monkeypatch):
    monkeypatch.setattr(rsync, "WAITING_BYTES", 1 << 16)
    stands_in(STANDS_IN)
    with pytest.raises(LabctlError, match="rsync failed"):
        asyncio.run(rsync.copy_by(rsync.Job("/a", "/b", "0:0"), Echo(), "folder/web/srv"))


def test_a_shell_that_ends_before_it_said_what_to_run_stops_nothing(stands_in):
    stands_in(
        "#!{python}\nimport shlex, socket, sys\n"
        "(shell,) = (each for each in sys.argv if each.startswith('--rsh='))\n"
        "there = socket.socket(socket.AF_UNIX)\nthere.connect(shlex.split(shell)[-1])\n"
        "there.shutdown(socket.SHUT_WR)\nsys.exit(there.recv(1) != b'' or 7)\n"
    )
    with pytest.raises(LabctlError, match=r"rsync failed \(7\)"):
        asyncio.run(rsync.copy_by(rsync.Job("/a", "/b", "0:0"), Here(), "folder/web/srv"))


def test_a_silent_end_is_not_waited_for():
    assert f"--timeout={rsync.SILENT_S}" in told(rsync.Job("/a", "/b", "0:0"))


def test_a_path_that_no_quotes_express_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(rsync.sys, "executable", "/opt/a'b\"c/python")
    monkeypatch.setattr(run_folder.runtime, "folder", lambda: tmp_path)
    with pytest.raises(LabctlError, match="rsync can't be told"):
        asyncio.run(rsync.copy_by(rsync.Job("/a", "/b", "0:0"), Here(), "folder/web/srv"))
