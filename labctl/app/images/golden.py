"""Makes a golden image: a copy of a VM's disk without the keys, identity and logs of that VM.

The guest removes these itself: a copy of the domain boots once, without a network, on a temporary overlay of the disk.
So the VM stays as it is, except for UEFI variables, since the copy has the file that the definition names. Any
distribution and any file system will do.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl import resources
from labctl.app.images import get, names
from labctl.app.vm_names import choose
from labctl.core import coroutines, identity, xmltree
from labctl.core.errors import LabctlError, UsageError
from labctl.core.events import Teller
from labctl.core.lifecycle import State
from labctl.core.record import record
from labctl.engine import overview
from labctl.host.access import port_session
from labctl.host.access.port_transport import PortTransport
from labctl.host.access.streams import FEW_BYTES
from labctl.host.files import cache
from labctl.host.libvirt import backing, pools, volumes
from labctl.host.libvirt.connection import missing, translated
from labctl.kinds import addresses
from labctl.kinds.image.spec import POOL, ImageSpec
from labctl.kinds.image.store import ImageStore
from labctl.kinds.vm.spec import SLOW
from labctl.kinds.vm.twin import make_twin, root_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.events import Finished, Sink
    from labctl.core.xmltree import Element
    from labctl.host.host import Host
    from labctl.kinds.vm.overview import VmOverview

BOOT_S, SYSPREP_S, OFF_S = 300.0, 120.0, 120.0


def make(session: Session, vm: str, name: str, sink: Sink) -> Finished:
    """Make an image called `name` of a stopped VM, put it into the store, and return the last event of the run.

    Raises:
        UsageError: there is no such VM, the VM has no root disk, or `name` can't be the name of an image.
        LabctlError: the VM is not off or has no cloud-init, or its guest could not clean itself.
    """
    names.check(name)
    tell = Teller(sink, addresses.image(name), time.monotonic())
    with (
        session.locked_lab(),
        translated(f"vm/{vm.removeprefix('vm/')}"),
        tempfile.TemporaryDirectory(dir=cache.folder("conversions")) as folder,
        get.in_use(folder),
    ):
        source = _stopped_vm(session, vm)
        host = session.hosts.of(addresses.vm(source.name))
        maker = _Maker(host, source, tell, 1 if host.capabilities.kvm else SLOW)
        spec = maker.make(Path(folder), name)
        finished = get.fetch(session.hosts, [spec], sink, session.stop)
    if finished.ok:
        names.remember(spec, f"vm/{source.name} of lab {source.lab}")
    return finished


def _stopped_vm(session: Session, vm: str) -> VmOverview:
    seen = overview.look(session.hosts, session.lab.name)
    vms = {each.name: each for each in seen.vms}
    (name,) = choose([vm.removeprefix("vm/")], {each.name: each.name for each in seen.vms})
    found = vms[name]
    if found.state != State.OFF:
        raise LabctlError(f"it is {found.state}", where=f"vm/{name}", hint=f"`labctl halt {name}` first")
    if "root" not in found.disks:
        raise UsageError(f"vm/{name} has no root disk", hint="`labctl status` shows the disks of each VM")
    if not found.seeded:
        raise LabctlError(
            "its guest has no cloud-init, so labctl's script is not in it",
            where=f"vm/{name}",
            hint="clean its disk by hand; `labctl image import FILE NAME` takes a copy of it",
        )
    return found


@record
class _Maker:
    """Makes the image of one VM. `slow` is the factor for the time limits."""

    host: Host
    vm: VmOverview
    tell: Teller
    slow: int

    def make(self, folder: Path, name: str) -> ImageSpec:
        """Make the image file in `folder` and return its spec."""
        pool = self.host.pool(identity.pool_name(self.vm.lab))
        overlay, flat = (f"{self.vm.name}.{each}" for each in (identity.GOLDEN, identity.GOLDEN_FLAT))
        base, root = self._base(pool), self._root(pool)
        capacity = root.info()[1]
        try:
            volumes.delete(pool, overlay)  # left by a run that was killed
            volumes.create(pool, overlay, capacity=capacity, backing=(root.path(), "qcow2"))
            with self._running(volumes.path(pool, overlay)) as domain:
                self._sysprep(domain)
            self.tell.progress("flattening")
            volumes.delete(pool, flat)
            volumes.flatten(pool, overlay, flat)
            image = folder / f"{name}.qcow2"
            _download(self.host, pool, flat, image, self.tell)
        finally:
            for volume in (overlay, flat):
                volumes.delete(pool, volume)
        return self._spec(base, capacity, image, name)

    def _root(self, pool: libvirt.virStoragePool) -> libvirt.virStorageVol:
        """The file that the guest writes to: labctl's volume, a layer above it, or somebody's overlay."""
        root = root_disk(self._definition())
        if root.format != "qcow2":  # what a guest writes to a raw disk may look like a qcow2
            raise LabctlError(
                f"its root disk is {root.format}, of which labctl makes no image",
                where=f"vm/{self.vm.name}",
                hint="clean its disk by hand; `labctl image import FILE NAME` takes a copy of it",
            )
        pools.refresh(pool)
        return self.host.virt.storageVolLookupByPath(root.source)

    def _definition(self) -> Element:
        domain = self.host.virt.lookupByName(self.vm.libvirt_name)
        return ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))

    @contextmanager
    def _running(self, disk: str) -> Iterator[Any]:
        """A running copy of the domain, which libvirt destroys if this process ends."""
        self.tell.progress("booting it without a network")
        root = self._definition()
        make_twin(root, disk)
        text = xmltree.to_text(root)
        domain = self.host.virt.createXML(text, libvirt.VIR_DOMAIN_START_AUTODESTROY)
        try:
            yield domain
        finally:
            if _runs(domain):
                domain.destroy()

    def _sysprep(self, domain: Any) -> None:
        coroutines.run(self._clean(domain.name()))
        self.tell.progress("shutting it down")
        domain.shutdown()
        deadline = time.monotonic() + OFF_S * self.slow
        while _runs(domain):
            if time.monotonic() > deadline:
                raise LabctlError(
                    "its guest does not shut down, so its disk may be in no good state",
                    hint="`labctl up` and `labctl halt` show whether it can; then try again",
                )
            time.sleep(0.2)

    async def _clean(self, name: str) -> None:
        async with port_session.opened(self.host.connection, name, self.tell.progress) as session:
            try:
                async with asyncio.timeout(BOOT_S * self.slow):
                    while not (session.state and session.state.finished):
                        await session.next()
            except TimeoutError:
                raise LabctlError(f"its guest did not boot within {BOOT_S * self.slow:.0f} s") from None
            self.tell.progress("removing its keys, identity and logs")
            script = resources.text("templates/guest/sysprep.sh")
            done = await PortTransport(session).run(script, timeout=SYSPREP_S * self.slow, limit=FEW_BYTES)
        done.check("its guest could not clean itself")

    def _base(self, pool: libvirt.virStoragePool) -> ImageSpec | None:
        """The image that the root disk stands on, None if it stands on none. A damaged one is a LabctlError."""
        (root,) = volumes.facts(pool, {f"{self.vm.name}.root"})
        key = identity.image_key(backing.image_below(self.host.virt, root).rpartition("/")[2])
        looked = ImageStore(self.host).look({key}).get(key)
        if looked and looked.wrong:
            raise LabctlError(
                f"its disk stands on an image that is damaged in the store, {looked.spec.label}",
                hint="`labctl up` fetches or builds it again",
            )
        return looked.spec if looked else None

    def _spec(self, base: ImageSpec | None, capacity: int, image: Path, name: str) -> ImageSpec:
        """The spec of the new image, with the properties of the image that the VM's disk stands on."""
        if base and base.direct:
            store = self.host.pool(POOL)
            for volume, beside in ((base.kernel, "vmlinuz"), (base.initrd, "initrd")):
                _download(self.host, store, volume, image.with_name(beside), self.tell)
        with image.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        return ImageSpec(
            name,
            f"sha256-{digest}",
            "path",
            str(image),
            capacity,
            direct=bool(base and base.direct),
            cmdline=base.cmdline if base else "",
            arch=(base.arch if base else "") or self.host.capabilities.arch,
            firmware=base.firmware if base else "",
            cpu=base.cpu if base else "",
            memory=base.memory if base else 0,
        )


def _runs(domain: Any) -> bool:
    try:
        return bool(domain.isActive())
    except libvirt.libvirtError as error:
        if missing(error):
            return False  # a transient domain is gone once it ends
        raise


def _download(host: Host, pool: libvirt.virStoragePool, volume: str, file: Path, tell: Teller) -> None:
    with file.open("wb") as writer:
        volumes.download_to(
            host.virt,
            pool,
            volume,
            writer,
            progress=lambda done, total: tell.progress("reading", done, total),
        )
