"""Reads `provision` of a VM and of the whole lab."""

from __future__ import annotations

import json
import os
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.record import replace
from labctl.kinds.provision.work import Ansible, Copy, Fetch, Shell
from labctl.labfile.lockfile import lock_path
from labctl.labfile.model import ProvisionStep
from labctl.labfile.problems import did_you_mean
from labctl.labfile.scripts import GuestFiles, home_of, restarting
from labctl.labfile.yaml_tree import Map, Seq, was_removed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from labctl.kinds.provision.work import Work
    from labctl.labfile.context import ReadContext
    from labctl.labfile.dependencies import DependencyTargets
    from labctl.labfile.model import Folder, Vm

__all__ = ["read_lab_provision", "read_provision"]

# https://docs.ansible.com/ansible/latest/reference_appendices/special_variables.html
_ANSIBLE_S = ("ansible", "become", "inventory_", "labctl_")
_KEYWORDS = frozenset(
    ("connection", "delegated_vars", "environment", "group_names", "groups", "hostvars", "playbook_dir", "port",
     "remote_user", "role_path")
)  # fmt: skip

_NOT_BESIDE_ANSIBLE = {
    "user": "a playbook says `become`",
    "env": "write `vars`",
    "reboot": "a playbook has a module `reboot`",
}
_RESTARTS = "restarts the guest under this step or the next one, which then fails"
_REBOOT = (
    "leave it out, and write `reboot: true` beside `shell`: labctl restarts the guest after it, and waits"
)


def read_provision(
    context: ReadContext, tree: Map, cloud_init: object, folders: Iterable[Folder]
) -> tuple[ProvisionStep, ...]:
    """Read the steps of a VM, which come after these folders and the end of cloud-init."""
    if cloud_init is False and tree.get("provision"):
        hint = "give the VM cloud-init, or use an image that has what it needs"
        context.problems.at_key(tree, "provision", "nothing in a VM without cloud-init can run this", hint)
    steps = list(_steps(context, tree))
    _check_scripts(context, steps, partial(GuestFiles.after, cloud_init, folders))
    return tuple(step for _, step in steps)


def read_lab_provision(
    context: ReadContext, top: Map, vms: Sequence[Vm], targets: DependencyTargets
) -> tuple[ProvisionStep, ...]:
    """Read the steps of the whole lab. A step without `on` is done on all VMs with cloud-init."""
    instances = {vm.name: vm for vm in vms}
    seeded = tuple(vm.name for vm in vms if vm.cloud_init is not False)
    found: list[ProvisionStep] = []
    steps = list(_steps(context, top))
    for entry, step in steps:
        named = tuple(dict.fromkeys(_on(context, entry, instances, targets))) if "on" in entry else seeded
        if was_removed(entry, "on"):
            continue
        if isinstance(step.work, Fetch) and len(named) > 1:
            summary = f"each of {len(named)} VMs would write {entry['fetch']['target']}"
            context.problems.at_key(
                entry, "fetch", summary, "name one VM in `on`, or fetch as a step of the VMs"
            )
        found.append(replace(step, on=named))
        for name in named[:1]:
            vm = instances[name]
            earlier = [each.work for each in (*vm.provision, *found[:-1])]
            before = partial(GuestFiles.after, vm.cloud_init, vm.folders, earlier)
            _check_scripts(context, [(entry, step)], before)
    return tuple(found)


def _check_scripts(
    context: ReadContext, steps: Iterable[tuple[Map, ProvisionStep]], before: Callable[[], GuestFiles]
) -> None:
    """Report the scripts with a command that can't run in a guest, which is as `before` gives it before these steps.

    A step that several VMs have is looked at once, in the first of them.
    """
    if context.problems.repeated:
        return
    guest = before()  # only now: it takes the text of all of a cloud-config
    for entry, step in steps:
        wrong = None
        if isinstance(step.work, Shell) and entry.mark not in context.scripts:
            context.scripts.add(entry.mark)
            wrong = guest.problem(step.work.text, context.folder, home_of(step.user))
            if wrong:
                context.problems.at(entry, "shell", wrong.summary, wrong.hint)
            if command := restarting(step.work.text):
                summary = f"{command} in a script {_RESTARTS}"
                context.problems.at(entry, "shell", summary, _REBOOT, severity="warning")
        if wrong is None:  # what can't run makes no files
            guest = guest.then(step.work)


def _on(
    context: ReadContext, entry: Map, instances: dict[str, Vm], targets: DependencyTargets
) -> Iterator[str]:
    for index, name in enumerate(entry["on"]):
        members = targets.members(name, instances)
        if members is None:
            known = chain(targets.bases, instances, targets.groups)
            hint = partial(did_you_mean, name, known)
            context.problems.at(entry["on"], index, f"there is no VM or group {name}", hint)
            continue
        for each in members:
            if instances[each].cloud_init is False:
                summary = f"nothing in {each} can run this: it is without cloud-init"
                context.problems.at(entry["on"], index, summary)
            yield each


def _steps(context: ReadContext, holder: Map) -> Iterator[tuple[Map, ProvisionStep]]:
    listed = holder.get("provision") or Seq(holder.mark)
    names: set[str] = set()
    for index, entry in enumerate(listed):
        work = _work(context, entry)
        if work is None:
            continue  # what it does was wrong, which has been reported
        name = entry.get("name", "")
        if name and name in names:
            context.problems.at(listed, index, f"two steps are called {name}", "give each a name of its own")
        names.add(name)
        env = tuple((key, _text(value)) for key, value in (entry.get("env") or {}).items())
        step = ProvisionStep(
            work,
            name,
            entry.get("run", "once"),
            entry.get("user", "root"),
            env,
            reboot=entry.get("reboot", False),
        )
        yield entry, step


def _work(context: ReadContext, entry: Map) -> Work | None:
    if "shell" in entry:
        return Shell(entry["shell"])
    if "copy" in entry:
        tree = entry["copy"]
        source = context.copied_file(tree, "source")
        if why := _labctl_s(context, source, kept=(".labctl",)):
            context.problems.at(
                tree, "source", f"{tree['source']} is {why}", "copy a folder in it, without the keys"
            )
            context.copied.pop(source, None)  # that is enough to say of it
        mode = int(tree["mode"], 8) if "mode" in tree else None
        return Copy(source, tree["target"], mode, os.path.realpath(source))
    if "ansible" in entry:
        return _ansible(context, entry)
    if "fetch" in entry:
        tree = entry["fetch"]
        target = context.fetched_file(tree, "target")
        lock = lock_path(Path(context.labfile)).name
        if why := _labctl_s(context, target, kept=(".labctl", lock, context.labfile)):
            context.problems.at(tree, "target", f"{tree['target']} is {why}", "fetch to another place")
        return Fetch(tree["source"], target, os.path.realpath(target))
    return None


def _ansible(context: ReadContext, entry: Map) -> Ansible:
    for key, hint in _NOT_BESIDE_ANSIBLE.items():
        if key in entry:
            context.problems.at_key(entry, key, f"{key} means nothing beside ansible", hint)
    tree = entry["ansible"]
    for name in tree.get("vars") or {}:
        if why := _not_a_variable(name):
            context.problems.at_key(tree["vars"], name, f"a variable can't be called {name}", why)
    variables = json.dumps(tree.get("vars") or {})
    return Ansible(context.playbook(tree), variables, tuple(tree.get("tags") or ()))


def _not_a_variable(name: str) -> str:
    """Say why no variable of a playbook may be called so; empty if it may.

    `ansible_ssh_common_args` and the like are commands of the host, stronger than the inventory. No yes is for them.
    """
    if name.startswith(_ANSIBLE_S) or name in _KEYWORDS:
        return "such names say how Ansible works; write it in the playbook"
    return ""


def _labctl_s(context: ReadContext, path: Path, kept: tuple[str, ...]) -> str:
    """Say what of labctl's own, with the names `kept`, a path is or holds; empty if it is nothing of that."""
    inside = Path(os.path.realpath(path))
    own = Path(os.path.realpath(context.folder))
    if own.is_relative_to(inside):
        return "the Labfile's folder, or above it"
    first = inside.relative_to(own).parts[0] if inside.is_relative_to(own) else ""
    return "labctl's own" if first in kept else ""


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
