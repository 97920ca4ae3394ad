"""Runs a playbook on this machine against guests."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from labctl.core.spans import spans
from labctl.host.access import ssh
from labctl.host.access.inventory import Group, Inventory
from labctl.host.files import os_errors, played_folder, run_folder
from labctl.host.files.private import write_private
from labctl.host.machine import command
from labctl.kinds.provision.access import PROGRAM, Access
from labctl.kinds.provision.output import Output
from labctl.kinds.provision.spec import Target
from labctl.kinds.provision.work import Ansible

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.core.errors import NotReady
    from labctl.kinds.provision.job import Job

LIMIT = "LABCTL_STEP"  # the group of the VMs that are meant: no group of a Labfile can be called so
ANSWER_S = (
    120  # to log in, and until sudo has started: a guest without KVM needs more than Ansible's 10 seconds
)
INVENTORY, VARIABLES, SETTINGS = "inventory.yaml", "variables.yaml", "ansible.cfg"
PLAYED = "played"  # the copy of the playbook's folder
ORIGIN = "labctl_playbook_dir"  # a variable: the folder that it is a copy of


class _Text(str):
    """A text in which Ansible looks for no template."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Marks texts so that Ansible runs nothing of them."""


_Dumper.add_representer(_Text, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


async def run(job: Job) -> None:
    """Run it once for all VMs in which the step is due.

    Raises:
        NotReady: it failed.
    """
    async with job.noted(job.targets, partial(_failure, job)):
        await _run(job)


async def _run(job: Job) -> None:
    said: list[str] = []
    named = job.spec.speaker_of([each.vm for each in job.targets])

    def told(line: str) -> None:
        said.append(line)
        job.tell.output(named, line)

    output = Output(told, "the rest is not kept")
    try:
        code = await _played(job, output)
    finally:
        output.end()
    await job.log("\n".join(said))
    if code:
        raise _failure(job, f"exit code {code}{output.last}")


async def _played(job: Job, output: Output) -> int:
    """Run Ansible and give its exit code."""
    with run_folder.made("ansible") as folder:
        words = await asyncio.to_thread(_prepared, job, folder)
        try:
            await command.follow(words, output.write, environment=environment(folder), folder=folder / PLAYED)
        except command.Failed as failed:
            return failed.code
    return 0


def written(job: Job, folder: Path) -> dict[str, str]:
    """The files that Ansible reads, by name: the variables may be secrets, and the folder is its user's alone."""
    access, work = job.spec.access, job.spec.work
    assert isinstance(access, Access)
    assert isinstance(work, Ansible)
    meant = Group(tuple(each.vm for each in job.targets))
    inventory = Inventory(access.guests, {**access.groups, LIMIT: meant}, folder / ssh.CONFIG, job.keys.login)
    return {
        ssh.CONFIG: ssh.config(folder, access.lab, access.logins, job.keys),
        ssh.KNOWN_HOSTS: ssh.known_hosts(access.lab, access.logins, job.keys),
        INVENTORY: inventory.text(),
        VARIABLES: yaml.dump(
            _marked({**json.loads(work.variables), ORIGIN: str(work.folder)}), Dumper=_Dumper
        ),
        SETTINGS: "",
    }


def _prepared(job: Job, folder: Path) -> list[str]:
    """Write all that Ansible reads, and give its command.

    The playbook is a copy of what the user was asked about: nobody changes it while Ansible reads it bit by bit.
    """
    spec, work = job.spec, job.spec.work
    assert isinstance(work, Ansible)
    copy = folder / PLAYED
    with os_errors.translated("can't copy the playbook", folder):
        copy.mkdir(0o700)
        if played_folder.copied(work.folder, copy, spec.left_out) != spec.played:
            raise _failure(job, f"{work.folder} changed since it was looked at", "try again")
    for name, text in written(job, folder).items():
        write_private(folder / name, text.encode())
    words = [PROGRAM, "-i", str(folder / INVENTORY), "--limit", LIMIT, "-e", f"@{folder / VARIABLES}"]
    words += ["--tags", ",".join(work.tags)] if work.tags else []
    return [*words, str(copy / work.playbook.name)]


def environment(folder: Path) -> dict[str, str]:
    """Variables, which are stronger than any ansible.cfg; the user's own, which may be about other hosts, is not read.

    No connection outlives the run.
    """
    return {
        "ANSIBLE_CONFIG": str(folder / SETTINGS),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=no",
        "ANSIBLE_TIMEOUT": str(ANSWER_S),
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_LOCAL_TEMP": str(folder),
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_FORCE_COLOR": "False",
        "ANSIBLE_NOCOLOR": "True",
        "PYTHONUNBUFFERED": "1",
    }


def _marked(value: Any) -> Any:
    if isinstance(value, str):
        return _Text(value)
    if isinstance(value, list):
        return [_marked(each) for each in value]
    if isinstance(value, dict):
        return {key: _marked(each) for key, each in value.items()}
    return value


def _failure(job: Job, why: str, hint: str = "") -> NotReady:
    of_all = Target(spans({each.vm for each in job.targets}), "")
    return job.failure(of_all, why, hint or "mend it and run `labctl up`, which goes on from here")
