"""What folders of VMs need to know of this machine, what stands against them, and how those of rsync are kept up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.vm_names import choose
from labctl.core.errors import FOREIGN, Problem
from labctl.core.plan import steps_of
from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.engine.folders import Sharing, chosen, led_astray
from labctl.host.files import os_errors, trees
from labctl.host.libvirt.uri import is_session
from labctl.host.machine import command, virtiofsd
from labctl.host.machine.doctor.check import distribution
from labctl.kinds import addresses
from labctl.kinds.folder.spec import RSYNC, FolderSpec
from labctl.kinds.vm.filesystems import VIRTIOFS
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from labctl.app.prepare import DesiredState
    from labctl.app.session import Session
    from labctl.core.address import Address
    from labctl.core.events import Finished, Sink
    from labctl.core.plan import Plan
    from labctl.core.spec import Spec
    from labctl.host.files.trees import Tree
    from labctl.host.host import Host
    from labctl.labfile.model import LabModel

    Specs = dict[Address, Spec]

_NO_VIRTIOFSD = "this host has no virtiofsd"


def look(lab: LabModel, host: Host) -> Sharing | None:
    """What a host can do for the lab's folders; None if there are none.

    Raises:
        LabctlError: one of them can't be read, or has too many files.
    """
    sources = {folder.source for vm in lab.vms for folder in vm.folders}
    if not sources:
        return None
    return Sharing(_without_virtiofs(host), {source: _tree(source, lab) for source in sources})


def _tree(source: Path, lab: LabModel) -> Tree:
    """What is in a folder; the lab's own keys count before they are made."""
    with os_errors.translated("can't read it", source):
        tree = trees.look(source)
        return replace(tree, keys=tree.keys or lab.folder.resolve().is_relative_to(source.resolve()))


def _without_virtiofs(host: Host) -> str:
    """Why a host can't serve folders by virtiofs; empty if it can."""
    if not host.local:
        return "the libvirt host is another machine"
    if "qemu" not in host.capabilities.types:
        return "the libvirt host runs no QEMU"
    if is_session(host.uri):
        return "an ordinary user's libvirt has no virtiofs"
    if host.inside:  # uids of its guests are subordinate ones there
        return "with your own libvirt, rootless, what the guest's users write would not be yours"
    return "" if virtiofsd.find() else _NO_VIRTIOFSD


def problems(session: Session, plan: Plan, sharing: Sharing | None) -> list[Problem]:
    """What stands against the folders that the plan makes or changes."""
    if sharing is None:
        return []
    wanted = [step.after for step in steps_of(plan.steps, FolderSpec) if step.after]
    return [problem for spec in wanted for problem in _against(session, spec, sharing)]


def led_elsewhere(session: Session, wanted: Specs, existing: Specs) -> list[Problem]:
    """The folders that a guest could make lead elsewhere on the host, each once for all VMs of a name."""
    pairs = led_astray(of_kind(wanted.values(), FolderSpec), of_kind(existing.values(), FolderSpec))
    found = {(each.base, each.target): (each, writer) for each, writer in pairs}
    hint = "the same folder for both by a mount, folders apart, or `type: rsync` for both"
    return [
        _problem(
            session,
            each,
            f"{writer.vm} may write to {writer.source}, and so put links on the way of {each.source}",
            f"{hint}; what a VM has now counts until an `up` took it away",
        )
        for each, writer in found.values()
    ]


def _against(session: Session, spec: FolderSpec, sharing: Sharing) -> Iterator[Problem]:
    host = session.hosts.of(spec.address)
    keys = any(tree.keys for path, tree in sharing.trees.items() if str(path) == spec.source)
    if spec.mounted and keys:
        summary = f"{spec.source} has .labctl in it, whose keys its guest would get"
        yield _problem(
            session, spec, summary, "share a folder below it, or set `type: rsync`: that leaves it out"
        )
    if spec.mounted and not host.local:
        summary = f"{spec.type} would share a folder of the other machine, on which libvirt runs"
        yield _problem(session, spec, summary, "type: rsync")
    elif spec.type == VIRTIOFS and sharing.without_virtiofs:
        lacking = sharing.without_virtiofs == _NO_VIRTIOFSD
        hint = "type: rsync" + (f"; or {distribution().virtiofsd}" if lacking else "")
        yield _problem(session, spec, f"no virtiofs: {sharing.without_virtiofs}", hint, FOREIGN)
    if spec.type == RSYNC and command.path("rsync") is None:
        hint = distribution().install("rsync")
        yield _problem(session, spec, "there is no rsync on this machine", hint, FOREIGN)


def _problem(session: Session, spec: FolderSpec, summary: str, hint: str, severity: str = "error") -> Problem:
    return Problem(
        f"{spec.target}: {summary}",
        f"vms.{spec.base}.folders",
        session.lab.where("vms", spec.vm, "folders"),
        hint,
        severity,
    )


def copied_sources(session: Session) -> list[Path]:
    """The folders of the host that rsync copies.

    Raises:
        LabctlError: one of them can't be read.
    """
    found: set[Path] = set()
    for host in session.hosts:
        mine = [vm for vm in session.lab.vms if session.hosts.of(addresses.vm(vm.name)) is host]
        if sharing := look(session.lab, host):
            every, saved = [folder for vm in mine for folder in vm.folders], session.lab.warm
            found |= {each.source for each in every if chosen(each, sharing, saved=saved)[0] == RSYNC}
    return sorted(found)


def copied(vms: Collection[str] = ()) -> DesiredState:
    """What exists, with the folders of rsync as the Labfile has them, of all VMs or of these."""
    names = tuple(vms)

    def desired(wanted: Specs, existing: Specs) -> Specs:
        folders = of_kind(wanted.values(), FolderSpec)
        chosen_vms = choose(names, {vm.name: vm.base for vm in of_kind(wanted.values(), VmSpec)})
        mine = [each for each in folders if each.vm in chosen_vms]
        return existing | {
            each.address: each for each in mine if each.type == RSYNC and each.address in existing
        }

    return desired


def sync(session: Session, vms: Collection[str], tell: Sink) -> Finished:
    """Copy what changed in the folders of rsync, of all VMs or of these; nothing else of the lab is changed.

    Raises:
        UsageError: there are no such VMs.
        LabctlError: another labctl changes the lab now, or libvirt does not answer.
        Rejected: the Labfile has problems.
    """
    from labctl.app import change  # which needs `prepare`, and that this

    return change.apply(session, "up", copied(vms), tell, lambda _plan: True)
