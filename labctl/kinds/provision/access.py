"""How Ansible gets to the VMs of a lab: what a step with a playbook is given beside its spec, which is pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.host.access.inventory import Group, Guest
    from labctl.host.access.ssh import Login

PROGRAM = "ansible-playbook"


@record
class Access:
    """An inventory of the lab, and how to log in to the VMs that SSH leads to."""

    lab: str
    guests: tuple[Guest, ...]
    groups: Mapping[str, Group]
    logins: tuple[Login, ...]
