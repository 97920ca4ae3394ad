"""New VMs that begin with the memory of a warm state, in place of a boot (docs/adr/0048)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.host.libvirt import copies, pools, saved_memory, volumes
from labctl.kinds.vm import definition

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.vm.disks_and_nics import SavedMemory
    from labctl.kinds.vm.spec import VmSpec


class WarmStarts:
    """The warm starts of one run. Memory that can't be used fails no VM: that boots from its saved disks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._brought_back = dict[str, bool]()  # VM → whether it went on from its memory, or boots

    def keeps_memory(self, spec: VmSpec) -> bool:
        """Whether this new VM has gone on from saved memory."""
        return self._brought_back.get(spec.name, False)

    def put_variables(self, spec: VmSpec, saved: SavedMemory) -> None:
        """Give a new VM the variables of its UEFI, if it has one, that were saved with its memory."""
        if not saved.variables:
            return
        virt, volume = self._connection.virt, identity.nvram_volume(spec.name)
        pool, store = (pools.require(virt, name) for name in (identity.pool_name(spec.lab), identity.STORE))
        copies.note(pool, volume, store, saved.variables)
        copies.make(virt, pool, volume)

    def past(self, saved: SavedMemory) -> definition.Past | None:
        """What the definition of a VM with saved memory goes on from; None where nobody can read that.

        Raises:
            libvirtError: the connection was lost.
        """
        virt = self._connection.virt
        try:
            return definition.past(saved_memory.domain_xml(virt, saved.path), None, remembers=True)
        except libvirt.libvirtError:
            if not self._connection.alive(virt):
                raise
            return None

    def bring_back(self, domain: Any, spec: VmSpec, saved: SavedMemory, tell: Teller) -> None:
        """Let a new domain go on from saved memory, paused. Where that can't be used, it is off and can boot.

        It is done once in a run: when the start is repeated, the guest may have written to its disks. Memory that
        libvirt refuses is deleted. The state then lacks a volume, so that no run begins with it, and the next save
        replaces it.

        Raises:
            libvirtError: the connection was lost.
        """
        if spec.name in self._brought_back:
            return
        try:
            if not domain.isActive():  # else an earlier call did it, and lost the connection
                _restore(domain, saved.path)
            self._brought_back[spec.name] = True
        except libvirt.libvirtError as error:
            if not self._connection.alive(domain.connect()):
                raise
            self._brought_back[spec.name] = False
            tell.warn(
                f"its saved memory can't be restored, so it boots: {error.get_error_message() or error}",
                "that memory is deleted: after a `labctl destroy`, `labctl up` boots the lab and saves it anew",
            )
            with suppress(LabctlError):  # it only spares later runs the same warning
                store = pools.require(self._connection.virt, identity.STORE)
                volumes.delete(store, saved.path.rpartition("/")[2])


def _restore(domain: Any, path: str) -> None:
    virt = domain.connect()
    text = saved_memory.without_chains(saved_memory.domain_xml(virt, path))
    text = saved_memory.with_metadata(text, domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    saved_memory.restore(virt, path, text)
