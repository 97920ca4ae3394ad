"""The driver of folders: it mounts them in guests over labctl's port, or has rsync copy them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.host.access import port_session, rsync, ssh
from labctl.host.access.port_transport import PortTransport
from labctl.host.access.ssh import Login
from labctl.host.files import pinned
from labctl.host.libvirt import domains, records
from labctl.host.libvirt.connection import translated
from labctl.kinds.folder import guest_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.access.keys import Keys
    from labctl.host.access.transport import Transport
    from labctl.host.host import Host
    from labctl.kinds.folder.spec import FolderSpec

MOUNT_S = 120.0  # an emulated guest under load is slow
_FEW = 1 << 16  # bytes of what a guest may answer
_HINTS = {
    "virtiofs": "its kernel may lack virtiofs (Linux has it since 5.4): `type: rsync` needs none",
    "9p": "its kernel may lack 9p, as those of Debian's and Red Hat's cloud images: `type: virtiofs` or `rsync`",
}


class FolderDriver:
    """Mounts, copies and unmounts. Each verb can be repeated."""

    def __init__(self, host: Host, keys: Keys) -> None:
        self._host, self._keys = host, keys

    async def create(self, step: StepOf[FolderSpec], tell: Teller) -> None:
        spec = step.wanted
        async with self._guest(spec, tell) as guest:
            if spec.mounted:
                tell.progress("mounting")
                done = await guest.run(guest_text.mount(spec), timeout=MOUNT_S, limit=_FEW)
                if done.exit_code:
                    raise _failed(spec, f"its guest can't mount it by {spec.type}", done.stderr)
            else:
                await self._copy(spec, guest, tell)
        await self._host.connection.call(self._record, spec, spec.recorded())

    update = create

    async def delete(self, step: StepOf[FolderSpec], tell: Teller) -> None:
        """Unmount it. What rsync copied stays; in a guest that is off, a line of fstab does, which mounts nothing."""
        spec = step.existing
        if spec.mounted and await self._host.connection.call(self._runs, spec):
            tell.progress("unmounting")
            async with self._guest(spec, tell) as guest:
                done = await guest.run(guest_text.unmount(spec), timeout=MOUNT_S, limit=_FEW)
            if done.exit_code:
                hint = "end what uses it there, or `labctl reload` the VM"
                raise _failed(spec, "its guest can't unmount it", done.stderr, hint)
        await self._host.connection.call(self._record, spec, None)

    async def _copy(self, spec: FolderSpec, guest: Transport, tell: Teller) -> None:
        tell.progress("copying")
        asked = await guest.run(guest_text.receive(spec.target, spec.chown), timeout=MOUNT_S, limit=_FEW)
        answer = asked.stdout.decode(errors="replace").strip()
        if answer == "no rsync":
            raise LabctlError("its guest has no rsync", where=str(spec.address), hint=guest_text.GET_RSYNC)
        if answer == "no user":
            raise LabctlError(
                f"its guest has no user {spec.chown}", where=str(spec.address), hint="name another `owner`"
            )
        if asked.exit_code or not (answer.isascii() and answer.isdecimal()):
            raise _failed(spec, "its guest can't make the target", asked.stderr or asked.stdout)
        pinned.check(Path(spec.source), spec.source)
        job = rsync.Job(spec.source, spec.target, f"{spec.chown}:{answer}", spec.exclude)
        if spec.login:
            login = Login(spec.vm, spec.user, spec.login, ssh.outer(self._host.uri))
            await rsync.copy(job, spec.lab, login, self._keys, str(spec.address))
        else:
            await rsync.copy_by(job, guest, str(spec.address))

    @asynccontextmanager
    async def _guest(self, spec: FolderSpec, tell: Teller) -> AsyncIterator[Transport]:
        name = identity.libvirt_name(spec.lab, spec.vm)
        try:
            async with port_session.opened(self._host.connection, name, tell.progress) as session:
                yield PortTransport(session)
        except LabctlError as error:
            error.where = error.where or str(spec.address)
            raise

    def _domain(self, spec: FolderSpec) -> Any:
        return domains.find(self._host.virt, spec.lab, spec.vm)

    def _runs(self, spec: FolderSpec) -> bool:
        with translated(str(spec.address)):
            domain = self._domain(spec)
            return domain is not None and domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING

    def _record(self, spec: FolderSpec, kept: dict[str, str] | None) -> None:
        with translated(str(spec.address)):
            domain = self._domain(spec)
            if domain is not None:
                records.write(domain, spec.kind, spec.target, kept)


def _failed(spec: FolderSpec, summary: str, said: bytes, hint: str = "") -> LabctlError:
    words = " ".join(said[-500:].decode(errors="replace").split())
    return LabctlError(
        f"{summary}: {words}" if words else summary,
        where=str(spec.address),
        hint=hint or _HINTS.get(spec.type, ""),
    )
