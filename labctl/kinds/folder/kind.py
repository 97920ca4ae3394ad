"""The kind of folders for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.found import Found
from labctl.kinds import Kind
from labctl.kinds.folder.spec import FolderSpec, read

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
    kept = ((vm.name, vm.records.get(FolderSpec.kind, {})) for vm in look.found("vm").specs)
    return Found(
        tuple(
            read(look.lab, vm, target, record)
            for vm, records in kept
            for target, record in records.items()
            if target.startswith("/")
        )
    )


FOLDER = Kind(FolderSpec, _driver, _observe)
