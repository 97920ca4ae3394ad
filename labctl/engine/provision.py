"""Composes the specs of provisioning steps, and finds out which of them are done. Pure."""

from __future__ import annotations

import hmac
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from labctl.core.lifecycle import Stage
from labctl.core.spec import Need, find, of_kind
from labctl.engine.guests import secret_name
from labctl.kinds import addresses
from labctl.kinds.provision import work as works
from labctl.kinds.provision.spec import LabProvisionSpec, ProvisionSpec, Target
from labctl.kinds.provision.work import Ansible, Copy, Fetch, Shell
from labctl.kinds.vm.spec import VmSpec
from labctl.labfile.lockfile import lock_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from labctl.core.address import Address
    from labctl.core.spec import Spec
    from labctl.engine.compose import Site
    from labctl.labfile.model import LabModel, ProvisionStep, Vm

_WAITING = (Stage.PROVISIONED, Stage.READY)  # the stages that a VM reaches after its own steps
LAB = "lab:"  # in front of the keys of the lab's steps, which share the VMs' metadata with the VMs' own


def own_steps(lab: LabModel, vm: Vm, site: Site, after: Sequence[Address] = ()) -> Iterator[ProvisionSpec]:
    """The steps of a VM. They come one after the other, and after the objects in `after`.

    A VM that is to be off has none: they wait.
    """
    if not _runs(vm):
        return
    for place, (key, step) in enumerate(_keyed(vm.provision), start=1):
        yield ProvisionSpec(
            vm=vm.name,
            place=place,
            key=key,
            on=(vm.name,),
            targets=(_target(lab, vm),),
            before=tuple(range(1, place)),
            after=tuple(after),
            **_shared(lab, step, site),
        )


def lab_steps(lab: LabModel, site: Site) -> Iterator[ProvisionSpec]:
    """The steps of the whole lab: each comes after all steps of its VMs, and after the step before."""
    vms = {vm.name: vm for vm in lab.vms if _runs(vm)}
    for place, (key, step) in enumerate(_keyed(lab.provision), start=1):
        on = [vms[name] for name in step.on if name in vms]
        if not on:
            continue
        yield LabProvisionSpec(
            vm="",
            place=place,
            key=f"{LAB}{key}",
            on=tuple(vm.name for vm in on),
            targets=tuple(_target(lab, vm) for vm in on),
            before=tuple(range(1, place)),
            after=tuple(address for vm in on for address in _addresses(vm)),
            **_shared(lab, step, site),
        )


def waits(vm: Vm, vms: Mapping[str, Vm]) -> tuple[Need, ...]:
    """The steps that a VM waits for: its own before it is ready, those of others in `vms` before it starts."""
    own = (Need(address, holds=Stage.READY) for address in _addresses(vm))
    others = (
        Need(address, holds=Stage.STARTED)
        for each in vm.depends_on
        if each.stage in _WAITING
        for address in _addresses(vms[each.vm])
    )
    return (*own, *others)


def done(wanted: Iterable[Spec], existing: Mapping[Address, Spec]) -> dict[Address, Spec]:
    """The wanted steps that are done already, as they were done, at the addresses that they have now."""
    found: dict[Address, Spec] = {}
    for step in of_kind(wanted, ProvisionSpec):
        records = {}
        for name in step.on:
            vm = find(existing, addresses.vm(name), VmSpec)
            of_vm = vm.records.get(ProvisionSpec.kind, {}) if vm else {}
            if step.key in of_vm:
                records[name] = of_vm[step.key]
        if (was := step.as_done(records)) is not None:
            found[step.address] = was
    return found


def fetches(wanted: Iterable[Spec], vm: str) -> set[str]:
    """The keys of the steps that copy something of this VM to the user's machine."""
    steps = of_kind(wanted, ProvisionSpec)
    return {step.key for step in steps if vm in step.on and isinstance(step.work, Fetch)}


def keys(lab: LabModel) -> dict[str, set[str]]:
    """The keys of the steps of each VM, those of the lab among them; also of VMs that are to be off."""
    found = {vm.name: {key for key, _ in _keyed(vm.provision)} for vm in lab.vms}
    for key, step in _keyed(lab.provision):
        for name in step.on:
            found[name].add(f"{LAB}{key}")
    return found


def copied_files(lab: LabModel, *, once: bool = False) -> set[Path]:
    """The files and folders that are copied anew after their content changed; with `once` all that are copied."""
    copies = (step for step in _every(lab) if once or step.run == "changed")
    return {step.work.source for step in copies if isinstance(step.work, Copy)}


def playbooks(lab: LabModel) -> list[Ansible]:
    """What steps with a playbook do."""
    return [step.work for step in _every(lab) if isinstance(step.work, Ansible)]


def not_played(lab: LabModel) -> tuple[Path, ...]:
    """What does not count in a playbook's folder: the Labfile and its lock, and what steps fetch.

    That changes while `up` runs, so no yes could be for it; nor is it played.
    """
    fetched = [step.work.target for step in _every(lab) if isinstance(step.work, Fetch)]
    return (lab.path, lock_path(lab.path), *fetched)


def _every(lab: LabModel) -> Iterator[ProvisionStep]:
    """The steps of all VMs, then those of the lab."""
    for vm in lab.vms:
        yield from vm.provision
    yield from lab.provision


def _runs(vm: Vm) -> bool:
    return vm.state == "running" and vm.cloud_init is not False


def _addresses(vm: Vm) -> list[Address]:
    count = len(vm.provision) if _runs(vm) else 0
    return [addresses.provision(vm.name, place) for place in range(1, count + 1)]


def _keyed(steps: Iterable[ProvisionStep]) -> Iterator[tuple[str, ProvisionStep]]:
    """The steps with their identities: their names, else what they do; what is done twice is counted."""
    seen: Counter[str] = Counter()
    for step in steps:
        key = step.name or f"#{works.identity(step.work)}"
        seen[key] += 1
        yield key if seen[key] == 1 else f"{key}.{seen[key]}", step


def _target(lab: LabModel, vm: Vm) -> Target:
    index = "" if vm.index is None else str(vm.index)
    return Target(vm.name, lab.name, index)


def _shared(lab: LabModel, step: ProvisionStep, site: Site) -> dict[str, Any]:
    """The fields that are the same for steps of a VM and of the lab."""
    content = _content(lab, step, site)
    return {
        "content": content,
        "digest": content if step.run == "changed" else None,
        "name": step.name,
        "due": step.run == "always",
        "work": step.work,
        "played": _played(step, site),
        "left_out": not_played(lab) if isinstance(step.work, Ansible) else (),
        "user": step.user,
        "reboot": step.reboot,
        "env": tuple(_environment(lab, step).items()),
    }


def _played(step: ProvisionStep, site: Site) -> str:
    return site.plays.get(step.work.folder, "") if isinstance(step.work, Ansible) else ""


def _environment(lab: LabModel, step: ProvisionStep) -> dict[str, str]:
    """The variables that do not depend on the VM. A step's own `env` wins."""
    return {"LABCTL_LAB": lab.name, **_parameters(lab), **dict(step.env)}


def _parameters(lab: LabModel) -> dict[str, str]:
    return {
        f"LABCTL_PARAM_{name.upper().replace('-', '_')}": str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for name, value in lab.parameters.items()
        if name not in lab.secrets
    }


def _content(lab: LabModel, step: ProvisionStep, site: Site) -> str:
    """A keyed digest of all that matters to a step, as `KEY:DIGEST`: it reveals no secret.

    Of the parameters those count that its script names.
    """
    work, used = step.work, {}
    if isinstance(work, Shell):
        used = {name: value for name, value in _parameters(lab).items() if name in work.text}
    file = site.copies.get(work.source, "") if isinstance(work, Copy) else ""
    played = _played(step, site)
    stated = [works.stated(work), step.user, sorted(step.env), used, file, played]
    document = json.dumps([*stated, *["reboot"] * step.reboot])
    return f"{secret_name(site.secret)}:{hmac.new(site.secret, document.encode(), 'sha256').hexdigest()[:32]}"
