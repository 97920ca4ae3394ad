"""The kind of folders for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.found import Found
from labctl.kinds import Kind
from labctl.kinds.folder.spec import FolderSpec, every

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.kinds.folder.driver import FolderDriver


def _driver(host: Host, keys: Keys) -> FolderDriver:
    from labctl.kinds.folder.driver import FolderDriver  # most runs have nothing to do

    return FolderDriver(host, keys)


def _observe(look: Look) -> Found[FolderSpec]:
    """The folders that the metadata of VMs have records of."""
    vms = look.found("vm").specs
    return Found(tuple(each for vm in vms for each in every(look.lab, vm.name, vm.records)))


FOLDER = Kind(FolderSpec, _driver, _observe)
