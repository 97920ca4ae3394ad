"""The driver of disks, which are volumes of the lab's pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity, xmltree
from labctl.core.errors import LabctlError
from labctl.host.libvirt import block_commit, copies, disk_users, pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.dumps import dumps
from labctl.kinds.disk.overlays import Overlays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.host import Host
    from labctl.kinds.disk.spec import DiskSpec


class DiskDriver:
    """Makes, grows and removes disks."""

    def __init__(self, host: Host, images: str) -> None:
        """`images` is the name of the pool that holds the base images."""
        self._host = host
        self._images = images
        self._overlays = Overlays()
        self._begun = set[str]()  # the volumes with saved content that this run makes

    def create(self, step: StepOf[DiskSpec], _tell: Teller) -> None:
        spec = step.wanted
        with translated(str(spec.address)):
            pool = self._host.pool(identity.pool_name(spec.lab))
            if volumes.find(pool, spec.volume) is not None:
                if not volumes.stamps(pool, [spec.volume]):
                    pools.refresh(pool)  # someone removed the file, which libvirt lists until the refresh
                elif spec.saved:
                    self._remove_begun(pool, spec)
                else:
                    return  # an earlier run made the volume; libvirt never leaves a partial one
            if spec.saved:
                self._begun.add(spec.volume)
            if spec.saved and spec.format == "raw":
                store = self._host.pool(self._images)
                copies.note(pool, spec.volume, store, spec.saved)
                copies.make(self._host.virt, pool, spec.volume)
                return
            backing, capacity = self._base(spec)
            volumes.create(pool, spec.volume, capacity=capacity, format=spec.format, backing=backing)

    def _remove_begun(self, pool: Any, spec: DiskSpec) -> None:
        """Remove what an earlier call made of a disk with saved content, and lost libvirt: it may be half a copy.

        Raises:
            LabctlError: it is not of this run, so that the memory that was saved with the disk does not fit to it.
        """
        if spec.volume not in self._begun:
            raise LabctlError(
                f"{volumes.path(pool, spec.volume)} is there already, to which the lab's saved memory does not fit",
                where=str(spec.address),
                hint="`labctl up --cold` boots the lab with it; to begin with what was saved, move it away, then"
                " `labctl destroy` and `labctl up`",
            )
        volumes.delete(pool, spec.volume)

    def _base(self, spec: DiskSpec) -> tuple[tuple[str, str] | None, int]:
        name = spec.saved or spec.base
        if not name:
            return None, spec.size or 0
        store = self._host.pool(self._images)
        base = next(iter(volumes.facts(store, {name})), None)
        if base is None:
            what = "what was saved of it" if spec.saved else "its image"
            raise LabctlError(
                f"{what} is not in the store", where=str(spec.address), hint="`labctl up` makes it again"
            )
        size = spec.size or base.capacity
        if size < base.capacity:
            raise LabctlError(
                f"{size} bytes are less than the {base.capacity} of its image",
                where=str(spec.address),
                hint="give it more",
            )
        # an image is qcow2 or raw; libvirt may report another format for a raw one, as iso, since it probes the content
        return (base.path, "qcow2" if base.format == "qcow2" else "raw"), size

    def update(self, step: StepOf[DiskSpec], tell: Teller) -> None:
        """Grow the disk: through the running VM that uses it, so that the guest notices, else the volume itself.

        If a snapshot put an overlay on the volume, the overlay grows.
        """
        spec = step.wanted
        if spec.active_volume and spec.active_volume != step.existing.active_volume:
            self._merge(spec, tell)
            return
        if spec.size is None:
            return
        virt = self._host.virt
        with translated(str(spec.address)):
            pool = self._host.pool(identity.pool_name(spec.lab))
            path = spec.top or pool.storageVolLookupByName(spec.volume).path()
            domain, target = self._user(spec, path)
            if domain is not None:
                block_commit.call_off(domain)
                domain.blockResize(target, spec.size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
                pools.refresh(pool)
                return
            pools.refresh(pool)  # libvirt does not know an overlay that QEMU made until the refresh
            volume = virt.storageVolLookupByPath(path)
            _refuse_guessed(spec, volumes.read(volume.XMLDesc()))
            if volume.info()[1] < spec.size:
                volume.resize(spec.size)

    def _merge(self, spec: DiskSpec, tell: Teller) -> None:
        """Merge the layers above the volume that is to be written to into it, while the VM runs."""
        with translated(str(spec.address)):
            pool = self._host.pool(identity.pool_name(spec.lab))
            pools.refresh(pool)
            domain, target = self._user(spec, spec.top)
            base = volumes.path(pool, spec.active_volume or "")
            merged = spec.above[: spec.above.index(base)] if base in spec.above else spec.above
            if domain is None or self._is_shared(pool, domain, (base, *merged)):
                return  # the VM went off meanwhile, or somebody else stands on these files
            block_commit.run(domain, target, base=base, top=spec.top, tell=tell)
            for path in merged:
                volumes.delete(pool, path.rpartition("/")[2])

    def _is_shared(self, pool: Any, domain: Any, chain: Sequence[str]) -> bool:
        """Whether an overlay, a snapshot of virsh or another domain needs a file of this part of a domain's chain."""
        stands = [each.name for each in volumes.facts(pool) if each.backing in chain]
        users = disk_users.of_files(self._host.virt)
        others = {use.uuid for path in chain for use in users.get(path, ())} - {domain.UUIDString()}
        return bool(len(stands) >= len(chain) or others or domain.snapshotNum())

    def _user(self, spec: DiskSpec, path: str) -> tuple[Any, str]:
        """The running domain that uses this disk, and the disk's target in it; None and empty without one."""
        owner = spec.name.partition("/")[0] if "/" in spec.name else None
        active = self._host.virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        name = identity.libvirt_name(spec.lab, owner or "")
        able = [each for each in active if owner is None or each.name() == name]
        for domain, text in zip(able, dumps(able), strict=True):
            for disk in ET.fromstring(text).findall("devices/disk") if text else ():
                target = disk.find("target")
                if xmltree.layers(disk)[:1] == (path,) and target is not None:
                    return domain, target.get("dev", "")
        return None, ""

    def delete(self, step: StepOf[DiskSpec], tell: Teller) -> None:
        """Delete the volume and, before it, the overlays in the lab's pool that are based on it, the top first.

        Raises:
            LabctlError: a running domain uses one of them. It is no VM of the lab, which labctl would have stopped.
        """
        spec = step.existing
        virt = self._host.virt
        with translated(str(spec.address)):
            pool = pools.find(virt, identity.pool_name(spec.lab))
            volume = pool and volumes.find(pool, spec.volume)
            if pool is None or volume is None:
                return
            self._overlays.read_once(virt, pool)
            path = volume.path()
            overlays = self._overlays.above((*spec.above, path))
            self._overlays.refuse_if_running(virt, [path, *(each.path for each in overlays)])
            for each in overlays:
                tell.progress(f"removing {each.name}, which stands on it")
                volumes.delete(pool, each.name)
            volumes.delete(pool, spec.volume)


def _refuse_guessed(spec: DiskSpec, facts: volumes.Facts) -> None:
    """LabctlError if libvirt would resize a raw disk as another format, whose header a guest wrote to the disk."""
    if spec.format == "raw" and not spec.top and facts.format != "raw":
        raise LabctlError(
            f"its guests wrote what libvirt takes for {facts.format}, so that it can't grow while no VM runs on it",
            hint="start a VM that has it, then run the same command again",
        )
