"""Disks in libvirt: volumes of the lab's pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.host import pools, volumes
from labctl.host.connection import translated
from labctl.host.dumps import dumps

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.core.plan import Step
    from labctl.host.connection import Connection
    from labctl.kinds.disk.spec import DiskSpec


class DiskDriver:
    """Makes, grows and removes disks."""

    def __init__(self, connection: Connection, images: str) -> None:
        """`images` is the name of the pool that holds the base images."""
        self._connection = connection
        self._images = images

    def create(self, step: Step, _tell: Teller) -> None:
        spec = cast("DiskSpec", step.after)
        virt = self._connection.virt
        with translated(str(spec.address)):
            pool = pools.require(virt, identity.pool_name(spec.lab))
            if spec.volume in volumes.names(pool):
                return  # an earlier try made it; a volume is made whole or not at all
            backing, capacity = self._base(spec)
            volumes.create(pool, spec.volume, capacity=capacity, format=spec.format, backing=backing)

    def _base(self, spec: DiskSpec) -> tuple[tuple[str, str] | None, int]:
        if not spec.base:
            return None, spec.size or 0
        store = pools.require(self._connection.virt, self._images)
        base = next(iter(volumes.facts(store, {spec.base})), None)
        if base is None:
            raise LabctlError(
                "its image is not in the store", where=str(spec.address), hint="`labctl up` fetches it again"
            )
        size = spec.size or base.capacity
        if size < base.capacity:
            raise LabctlError(
                f"{size} bytes are less than the {base.capacity} of its image",
                where=str(spec.address),
                hint="give it more",
            )
        return (base.path, base.format), size

    def update(self, step: Step, _tell: Teller) -> None:
        """Grow it: through the running VM that has it, so that its guest sees it, else the volume itself."""
        spec = cast("DiskSpec", step.after)
        if spec.size is None:
            return
        with translated(str(spec.address)):
            pool = pools.require(self._connection.virt, identity.pool_name(spec.lab))
            volume = pool.storageVolLookupByName(spec.volume)
            domain, target = self._user(spec, volume.path())
            if domain is not None:
                domain.blockResize(target, spec.size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
                pools.refresh(pool)
            elif volume.info()[1] < spec.size:
                volume.resize(spec.size)

    def _user(self, spec: DiskSpec, path: str) -> tuple[Any, str]:
        """The running domain that has this disk, and what it calls it."""
        owner = spec.name.partition("/")[0] if "/" in spec.name else None
        active = self._connection.virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        name = identity.libvirt_name(spec.lab, owner or "")
        able = [each for each in active if owner is None or each.name() == name]
        for domain, text in zip(able, dumps(able), strict=True):
            for disk in ET.fromstring(text).findall("devices/disk") if text else ():
                source, target = disk.find("source"), disk.find("target")
                if source is not None and target is not None and source.get("file") == path:
                    return domain, target.get("dev", "")
        return None, ""

    def delete(self, step: Step, _tell: Teller) -> None:
        spec = cast("DiskSpec", step.before)
        with translated(str(spec.address)):
            pool = pools.find(self._connection.virt, identity.pool_name(spec.lab))
            if pool is not None:
                volumes.delete(pool, spec.volume)
