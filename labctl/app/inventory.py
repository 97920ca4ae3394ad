"""What `inventory` does: tells Ansible the lab's VMs and groups, and how SSH gets to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.app import transport
from labctl.app.one_vm import look
from labctl.app.reach import reach
from labctl.app.vm_names import refuse, unknown
from labctl.core.address import natural_sort_key
from labctl.host.access import ssh as openssh
from labctl.host.access.inventory import Group, Guest, Inventory, nested
from labctl.host.files.private import write_output

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.app.reach import Reach
    from labctl.app.session import Session
    from labctl.engine.overview import Overview
    from labctl.kinds.vm.overview import VmOverview
    from labctl.labfile.model import LabModel


def inventory(session: Session) -> tuple[Inventory, dict[str, str]]:
    """The inventory of the Labfile's VMs, and for each that SSH does not lead to the reason.

    The configuration that OpenSSH reads is written.

    Raises:
        Rejected: the Labfile is wrong.
        LabctlError: libvirt does not answer.
    """
    lab, keys = session.lab, session.keys
    seen = look(session)
    found = reach(seen)
    if found.logins and keys.has_login():
        openssh.write(session.folder, lab.name, found.logins.values(), keys)
    existing = {each.name: each for each in seen.vms}
    reasons = _reasons(session, seen, found)
    vms = sorted(lab.vms, key=lambda vm: natural_sort_key(vm.name))
    guests = tuple(
        Guest(vm.name, vm.user, addresses_of(existing.get(vm.name)), vm.name not in reasons) for vm in vms
    )
    groups = groups_of(lab)
    config = session.folder.path / openssh.CONFIG
    return Inventory(guests, groups, config, keys.login), reasons


def variables(found: Inventory, vm: str) -> dict[str, Any]:
    """The variables of one VM.

    Raises:
        UsageError: there is no such VM.
    """
    by_name = found.variables()
    refuse(unknown("VM", [vm], by_name))
    return by_name[vm]


def write(text: str, path: Path) -> None:
    """Write an inventory to a file of the user.

    Raises:
        LabctlError: it can't be written.
    """
    write_output(path, text.encode(), "can't write the inventory")


def groups_of(lab: LabModel) -> dict[str, Group]:
    """The groups of the Labfile and those of counted VMs."""
    vms = sorted(lab.vms, key=lambda vm: natural_sort_key(vm.name))
    instances = {vm.name: None if vm.index is None else vm.base for vm in vms}
    return nested(instances, lab.groups, lab.children)


def _reasons(session: Session, seen: Overview, found: Reach) -> dict[str, str]:
    """Why SSH does not lead to a VM, for each of which that is so."""
    keys, existing = session.keys, {each.name: each for each in seen.vms}
    reasons = {}
    for vm in (each.name for each in session.lab.vms):
        if vm not in existing:
            reasons[vm] = "it does not exist yet"
        elif vm not in found.logins:
            reasons[vm] = found.reasons[vm]
        elif not existing[vm].seeded:
            reasons[vm] = transport.NO_LOGIN
        elif not keys.has_login():
            reasons[vm] = transport.no_login_key(session).summary
        elif keys.known_host(vm) is None:
            reasons[vm] = "its host key is not known here"
    return reasons


def addresses_of(vm: VmOverview | None) -> dict[str, tuple[str, ...]]:
    """The addresses of a VM by network."""
    found: dict[str, tuple[str, ...]] = {}
    for nic in vm.nics if vm else ():
        found[nic.network] = (*found.get(nic.network, ()), *map(str, nic.ips))
    return found
