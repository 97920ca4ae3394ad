"""What Ansible is given for a step, as Ansible itself reads it, here without a guest."""

import asyncio
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl.core.errors import NotReady
from labctl.core.record import replace
from labctl.host.access.inventory import Group, Guest
from labctl.host.access.keys import Keys
from labctl.host.access.ssh import Login
from labctl.host.files import played_folder, run_folder
from labctl.host.files.lab_folder import LabFolder
from labctl.host.machine import command
from labctl.kinds.provision import ansible
from labctl.kinds.provision.access import Access
from labctl.kinds.provision.job import Job
from labctl.kinds.provision.spec import ProvisionSpec, Target
from labctl.kinds.provision.work import Ansible, identity

needs_ansible = pytest.mark.skipif(shutil.which("ansible-playbook") is None, reason="no Ansible here")
ACCESS = Access(
    "shop",
    (Guest("web-1", "lab", {}), Guest("web-2", "lab", {})),
    {"web": Group(("web-1", "web-2"))},
    (Login("web-1", "lab", "10.0.0.2"), Login("web-2", "lab", "10.0.0.3")),
)
# Nothing is asked of a guest: what it says is said here.
PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - {debug: {msg: "{{ inventory_hostname }} in {{ group_names }} has {{ text }} and {{ list }}"}, tags: [one]}
    - {fail: {msg: it is on fire}, tags: [two]}
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A step of one VM, and the lines that are told of it."""
    runs = tmp_path / "runs"
    runs.mkdir()
    monkeypatch.setattr(run_folder.runtime, "folder", lambda: runs)
    monkeypatch.setenv("HOME", str(tmp_path))  # Ansible makes a folder there
    play = tmp_path / "play"
    play.mkdir()
    (play / "site.yaml").write_text(PLAY)
    folder = LabFolder(tmp_path, "shop")
    folder.write("host-keys/web-1.pub", b"ssh-ed25519 AAAA web-1\n")
    told = []

    def made(work: Ansible, **fields):
        digest = played_folder.digest(work.folder, fields.get("left_out", ()))
        fields = {"key": "it", "name": "it", "work": work, "played": digest, "access": ACCESS, **fields}
        tell = SimpleNamespace(output=lambda vm, line: told.append((vm, line)))
        return Job(ProvisionSpec("web-1", 1, **fields), (Target("web-1", "shop"),), tell, None, Keys(folder))

    made.told, made.playbook = told, play / "site.yaml"
    return made


def played(job, monkeypatch):
    done = []

    async def note(_job, target):
        done.append(target.vm)

    async def note_failure(_job, target):
        failed.append(target.vm)

    async def log(_job, text):
        played.logged.append(text)

    failed = played.failed = []
    played.logged = []
    monkeypatch.setattr(Job, "log", log)
    monkeypatch.setattr(Job, "done", note)
    monkeypatch.setattr(Job, "failed", note_failure)
    asyncio.run(ansible.run(job))
    return done


@needs_ansible
def test_only_the_vm_is_meant_and_nothing_in_a_variable_is_run(job, monkeypatch, tmp_path):
    hostile = f"{{{{ lookup('pipe', 'touch {tmp_path}/ran') }}}}"
    variables = f'{{"text": "{hostile}", "list": ["{hostile}", 1]}}'
    monkeypatch.setenv("ANSIBLE_CONFIG", "/nowhere")
    monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "False")
    assert played(job(Ansible(job.playbook, variables, ("one",))), monkeypatch) == ["web-1"]
    said = "\n".join(line for _, line in job.told)
    assert f"web-1 in ['LABCTL_STEP', 'web'] has {hostile} and" in said
    assert "web-2" not in said
    assert {vm for vm, _ in job.told} == {"web-1"}
    assert played.logged == [said]
    assert not (tmp_path / "ran").exists()
    assert not list(tmp_path.glob("runs/ansible-*"))


@needs_ansible
def test_a_failure_has_its_code_and_its_last_lines(job, monkeypatch):
    with pytest.raises(NotReady) as caught:
        played(job(Ansible(job.playbook, '{"text": "", "list": []}', ("two",))), monkeypatch)
    assert str(caught.value).startswith("provision/web-1/1: it: exit code 2\n  | ")
    assert "it is on fire" in str(caught.value)
    assert "it is on fire" in played.logged[0]
    assert played.failed == ["web-1"]


def test_what_can_not_be_told_to_ansible_fails_the_step(job, monkeypatch):
    access = replace(ACCESS, guests=(Guest("web-1", "{{ 1 }}", {}),))
    with pytest.raises(NotReady, match=r"it: '\{\{ 1 \}\}' can't stand in an inventory"):
        played(job(Ansible(job.playbook), access=access), monkeypatch)
    assert played.failed == ["web-1"]


def test_a_playbook_that_changed_after_the_yes_is_not_played(job, monkeypatch):
    made = job(Ansible(job.playbook))
    (job.playbook.parent / "strategy_plugins").mkdir()
    (job.playbook.parent / "strategy_plugins/linear.py").write_text("raise SystemExit")
    with pytest.raises(NotReady, match=r"play changed since it was looked at"):
        played(made, monkeypatch)


INCLUDES = (
    "- hosts: all\n  gather_facts: false\n  tasks: [{include_tasks: more.yaml}, {include_tasks: late.yaml}]\n"
)
SWAPS = """- debug: {msg: "{{ lookup('pipe', 'echo [] >' ~ labctl_playbook_dir ~ '/late.yaml') }}"}"""


@needs_ansible
def test_what_changes_while_it_is_played_is_played_as_it_was(job, monkeypatch):
    """Ansible reads what is included when it gets there."""
    folder = job.playbook.parent
    job.playbook.write_text(INCLUDES)
    (folder / "more.yaml").write_text(SWAPS)
    (folder / "late.yaml").write_text("- debug: {msg: as it was}")
    played(job(Ansible(job.playbook)), monkeypatch)
    assert (folder / "late.yaml").read_text() == "[]\n"
    assert "as it was" in "\n".join(line for _, line in job.told)


@needs_ansible
def test_what_a_step_fetches_beside_it_is_not_played(job, monkeypatch):
    job.playbook.write_text(INCLUDES)
    late = job.playbook.parent / "late.yaml"
    (job.playbook.parent / "more.yaml").write_text("[]")
    made = job(Ansible(job.playbook), left_out=(late,))
    late.write_text("- debug: {msg: of a guest}")
    with pytest.raises(NotReady, match=r"late\.yaml"):
        played(made, monkeypatch)


@needs_ansible
def test_a_playbook_ends_with_all_that_it_started_when_its_task_is_cancelled(job, monkeypatch, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    script = f"exec >{pipe}; echo started; exec sleep 1000"
    task = f"{{debug: {{msg: \"{{{{ lookup('pipe', '{script}') }}}}\"}}}}"
    job.playbook.write_text(f"- hosts: all\n  gather_facts: false\n  tasks: [{task}]\n")
    made = job(Ansible(job.playbook))

    async def cancelled():
        playing = asyncio.create_task(ansible.run(made))
        with await asyncio.to_thread(pipe.open) as started:
            assert await asyncio.to_thread(started.readline) == "started\n"
            playing.cancel()
            await asyncio.wait([playing])
            assert playing.cancelled()
            assert await asyncio.to_thread(started.read) == ""  # nobody has it open any more

    asyncio.run(cancelled())
    assert not list(tmp_path.glob("runs/ansible-*"))


def test_secrets_are_in_no_argument_and_in_a_file_of_its_user_alone(job, monkeypatch):
    seen = {}

    def look(argv, environment):
        path = Path(argv[argv.index("-e") + 1].removeprefix("@"))
        modes = (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
        seen.update(argv=argv, modes=modes, text=path.read_text(), environment=environment)

    async def follow(argv, _take, *, environment, folder):
        del folder
        look(argv, environment)

    monkeypatch.setattr(command, "follow", follow)
    played(job(Ansible(job.playbook, '{"pw": "sesame"}')), monkeypatch)
    assert "sesame" in seen["text"]
    assert seen["modes"] == (0o600, 0o700)
    assert "sesame" not in str(seen["argv"]) + str(seen["environment"])


def test_openssh_gets_the_keys_of_the_hosts_and_checks_them(job, tmp_path):
    files = ansible.written(job(Ansible(job.playbook)), tmp_path)
    assert files["known_hosts"] == "shop.web-1 ssh-ed25519 AAAA\n"
    assert "StrictHostKeyChecking yes" in files["ssh_config"]
    assert ansible.environment(tmp_path)["ANSIBLE_HOST_KEY_CHECKING"] == "True"


def test_what_a_step_is_known_by_has_no_secret_in_it(job):
    work = Ansible(job.playbook, '{"pw": "sesame"}')
    assert identity(work) == identity(replace(work, variables='{"pw": "other"}'))
    assert identity(work) != identity(replace(work, tags=("a",)))
