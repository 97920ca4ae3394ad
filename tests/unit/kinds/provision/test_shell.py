"""The script by which a guest runs a step, run here."""

import asyncio
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl.core.errors import NotReady
from labctl.host.access.transport import Completed
from labctl.kinds.provision import guest_log, shell
from labctl.kinds.provision.job import Job
from labctl.kinds.provision.spec import ProvisionSpec, Target
from labctl.kinds.provision.work import Shell

WEB = Target("web", "shop", "3")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a script as a step of this user; gives the code, the output, and the log."""
    if os.geteuid() != 0:
        pytest.skip("a guest's script is run by root")
    log = tmp_path / "steps.log"
    monkeypatch.setattr(guest_log, "PATH", str(log))
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def step(text, **fields):
        work = Shell(text)
        spec = ProvisionSpec("web", 2, name="it", work=work, **fields)
        done = subprocess.run(
            ["sh", "-c", shell.script(spec, work)],
            input=shell.read_by_it(spec, work, WEB),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout.decode(), log.read_text() if log.exists() else ""

    return step


def test_a_script_gets_its_environment_and_says_how_it_ended(run):
    env = (("GREETING", 'it\'s\n"$HOME"; `exit`'),)
    code, said, log = run('echo "$GREETING|$LABCTL_VM|$LABCTL_INDEX"; pwd; exit 7', env=env)
    assert (code, said) == (7, f'it\'s\n"$HOME"; `exit`|web|3\n{Path("~").expanduser()}\n')
    head, _, rest = log.partition("\n")
    assert head.startswith("=== 2")
    assert head.endswith("Z provision/web/2 it")
    assert rest == said


def test_a_line_that_fails_ends_it_and_its_first_line_may_name_a_program(run):
    assert run("echo a; false; echo b")[:2] == (1, "a\n")
    assert run('#!/usr/bin/awk -f\nBEGIN { print ENVIRON["LABCTL_VM"] }')[:2] == (0, "web\n")


def test_what_it_leaves_running_does_not_hold_it_up(run):
    code, said, _ = run("sleep 600 & echo $!")
    assert code == 0
    os.kill(int(said), 15)


def test_a_user_that_is_not_there_is_told(run):
    assert run("true", user="nobody-here")[:2] == (125, "there is no user nobody-here in the guest\n")


@pytest.mark.parametrize(("code", "restarts"), [(1, False), (143, True)])
def test_a_script_that_a_signal_ended_may_have_restarted_its_guest(monkeypatch, code, restarts):
    class Way:
        async def run(self, _script, *, stdout, **_options):
            stdout.write(b"soon\n")
            return Completed(code, b"", b"")

    async def in_each(self, work):
        await work(WEB, Way())

    spec = ProvisionSpec("web", 2, name="it", work=Shell("reboot"))
    job = Job(spec, (WEB,), SimpleNamespace(output=lambda *_line: None), None, None)
    monkeypatch.setattr(Job, "in_each", in_each)
    with pytest.raises(NotReady) as failed:
        asyncio.run(shell.run(job))
    assert failed.value.summary == f"it: exit code {code}\n  | soon"
    assert ("write `reboot: true`" in failed.value.hint) is restarts


def test_its_log_is_bounded(run, tmp_path):
    (tmp_path / "steps.log").write_text("x" * 2_000_000)
    assert len(run("echo a")[2]) < 600_000


def test_nothing_of_it_is_in_a_process_s_arguments():
    work = Shell("echo sesame")
    spec = ProvisionSpec("web", 1, work=work, env=(("PW", "sesame"),))
    assert "sesame" not in shell.script(spec, work)


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("echo", "sh -e"),
        ("#!/bin/bash\n", "/bin/bash"),
        ("#!/usr/bin/env python3 -u\n", "/usr/bin/env 'python3 -u'"),
        ("#!\n", "sh -e"),
        ("#! /bin/sh; rm\n", "'/bin/sh;' rm"),
    ],
)
def test_a_script_s_program_is_found_as_the_kernel_finds_it(text, program):
    assert shell.program(text) == program
