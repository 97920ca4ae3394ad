"""Runs a playbook on this machine against guests."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from labctl.core.errors import LabctlError, NotReady
from labctl.core.spans import spans
from labctl.host.access import ssh
from labctl.host.access.inventory import Group, Inventory
from labctl.host.files import os_errors, runtime
from labctl.host.files.content import content_digest
from labctl.host.files.private import write_private
from labctl.host.machine import command
from labctl.kinds.provision.access import Access
from labctl.kinds.provision.output import LAST, Output
from labctl.kinds.provision.spec import Target
from labctl.kinds.provision.work import Ansible

if TYPE_CHECKING:
    from labctl.kinds.provision.job import Job

PROGRAM = "ansible-playbook"
LIMIT = "LABCTL_STEP"  # the group of the VMs that are meant: no group of a Labfile can be called so
ANSWER_S = (
    120  # to log in, and until sudo has started: a guest without KVM needs more than Ansible's 10 seconds
)
INVENTORY, VARIABLES, SETTINGS = "inventory.yaml", "variables.yaml", "ansible.cfg"


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
    try:
        await _run(job)
    except LabctlError as error:
        for target in job.targets:
            with suppress(LabctlError):  # as in `Job`: the error itself matters more
                await job.failed(target)
        if isinstance(error, NotReady):
            raise
        raise _failure(job, str(error), error.hint) from error
    for target in job.targets:
        await job.done(target)


async def _run(job: Job) -> None:
    if changed := await asyncio.to_thread(_changed, job):
        raise _failure(job, f"{changed} changed since it was looked at", "try again")
    with (
        os_errors.translated("can't use it", runtime.folder()),
        tempfile.TemporaryDirectory(prefix="ansible-", dir=runtime.folder()) as folder,
    ):
        try:
            await asyncio.to_thread(_play, job, Path(folder))
        except command.Failed as failed:
            last = "".join(f"\n  | {line}" for line in failed.lines[-LAST:])
            raise _failure(job, f"exit code {failed.code}{last}") from failed


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
        VARIABLES: yaml.dump(_marked(json.loads(work.variables)), Dumper=_Dumper),
        SETTINGS: "",
    }


def _play(job: Job, folder: Path) -> None:
    work = job.spec.work
    assert isinstance(work, Ansible)
    for name, text in written(job, folder).items():
        write_private(folder / name, text.encode())
    words = [PROGRAM, "-i", str(folder / INVENTORY), "--limit", LIMIT, "-e", f"@{folder / VARIABLES}"]
    words += ["--tags", ",".join(work.tags)] if work.tags else []
    named = job.targets[0].vm if len(job.targets) == 1 else job.spec.given_name or "ansible"
    output = Output(lambda line: job.tell.output(named, line))
    command.run(
        [*words, str(work.playbook)],
        output.line,
        environment=environment(folder),
    )


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


def _changed(job: Job) -> Path | None:
    """What of the playbook is not what the user was asked about."""
    return next((path for path, digest in job.spec.files if content_digest(path) != digest), None)


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
