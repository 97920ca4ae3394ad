"""The driver of VMs. Each verb first reads the existing domain, so that it can be repeated after a failure."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity, xmltree
from labctl.core.errors import LabctlError, NotReady
from labctl.core.lifecycle import Stage, State
from labctl.core.plan import REPLACED
from labctl.core.record import replace
from labctl.core.size import format_size
from labctl.core.spec import Effect
from labctl.host.access import console
from labctl.host.files import pinned
from labctl.host.libvirt import domains, pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.domain_state import state_of
from labctl.kinds.vm import definition, hotplug, notes, virdomain
from labctl.kinds.vm.filesystems import TAG
from labctl.kinds.vm.guest_sessions import GuestSessions
from labctl.kinds.vm.transitions import transition
from labctl.kinds.vm.warm_starts import WarmStarts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.kinds.vm.spec import VmSpec

_INACTIVE, _CONFIG, _LIVE = (
    libvirt.VIR_DOMAIN_XML_INACTIVE,
    libvirt.VIR_DOMAIN_AFFECT_CONFIG,
    libvirt.VIR_DOMAIN_AFFECT_LIVE,
)


class VmDriver:
    """Makes, starts, changes, stops and removes the lab's VMs, and follows them until they are ready."""

    def __init__(self, host: Host, keys: Keys) -> None:
        self._connection = host.connection
        self._keys = keys
        self._guests = GuestSessions(host.connection, keys)
        self._warm = WarmStarts(host.connection)

    def create(self, step: StepOf[VmSpec], _tell: Teller) -> None:
        spec = step.wanted
        with translated(str(spec.address)):
            if spec.saved:
                self._warm.put_variables(spec, spec.saved)
            self._define(spec, None)

    def start(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Start, resume or restore the VM, as its current state requires. One that runs is not told as started."""
        spec = step.wanted
        with translated(str(spec.address)):
            domain = self._require(spec)
            _check_folders(spec)
            if spec.saved and step.action.makes:
                self._warm.bring_back(domain, spec, spec.saved, tell)
            behind = state_of(domain) in (State.PAUSED, State.SAVED)
            began = virdomain.run(domain, spec, tell)
            if behind:
                notes.unready(domain)  # saved memory comes back with the notes of its time
        if began:
            tell.stage(Stage.STARTED)

    def suspend(self, step: StepOf[VmSpec], _tell: Teller) -> None:
        """Pause the VM."""
        spec = step.wanted
        with translated(str(spec.address)):
            domain = self._require(spec)
            if state_of(domain) == State.RUNNING:
                notes.unready(domain)
                domain.suspend()

    def save(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Save the VM's memory to the host's disk, and end its QEMU. If that fails, the VM goes on."""
        spec = step.wanted
        with translated(str(spec.address)):
            domain = self._require(spec)
            if virdomain.settled(domain, tell) in (State.RUNNING, State.PAUSED):
                notes.unready(domain)
                virdomain.save(domain, spec)

    async def stop(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Shut the VM down through ACPI, and cut its power if it does not react in time."""
        spec = step.existing
        with translated(str(spec.address)):
            domain = await self._connection.call(self._find, spec)
            if domain is None or await self._connection.call(virdomain.settled, domain, tell) == State.OFF:
                return
            await self._connection.call(domains.persist, domain)
            tell.progress("shutting down")
            await self._connection.call(virdomain.shutdown, domain, tell)
            if not await virdomain.ended(self._connection, domain, virdomain.SHUTDOWN_S):
                tell.warn("it did not shut down in time, so its power was cut")
                await self._connection.call(virdomain.destroy, domain)

    def discard(self, step: StepOf[VmSpec], _tell: Teller) -> None:
        """Discard the VM's saved memory, so that it boots at its next start."""
        with translated(str(step.address)):
            domain = self._find(step.existing)
            if domain is not None:
                virdomain.discard(domain)

    def release(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Unplug devices that leave, so that their network or disk can be deleted."""
        before, after = step.existing, step.wanted
        with translated(str(after.address)):
            domain = self._require(before)
            if not domain.isActive():
                return
            for device in hotplug.leaving(hotplug.live(domain, before), after, _replaced(step)):
                tell.progress(f"unplugging {device.name}")
                hotplug.detach(domain, device, after.address)

    def update(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Plug in new devices, change live what can be changed live, and write the persistent definition."""
        before, spec = step.existing, step.wanted
        with translated(str(spec.address)):
            domain = self._require(spec)
            if domain.name() != spec.libvirt_name:
                virdomain.rename(domain, spec.libvirt_name)
                domain = self._require(spec)
            # someone may have made a snapshot since the plan was made
            spec = spec.onward(hotplug.without(hotplug.seen(domain, spec), _replaced(step)))
            if domain.isActive():
                self._update_live(domain, spec, tell)
                if before.unmarked:
                    notes.note(domain, replace(spec, ready=before.ready), _LIVE)
            self._define(spec, domain)
            if domain.isActive() and not spec.awaited:
                notes.note(domain, replace(spec, ready=None), _LIVE)  # it may have been marked ready before

    def _update_live(self, domain: Any, spec: VmSpec, tell: Teller) -> None:
        now = hotplug.live(domain, spec)
        for device in hotplug.coming(now, spec.keep(now)):
            hotplug.attach(domain, device)
        hotplug.adjust_nics(domain, now, spec)
        if now.memory != spec.memory:
            domain.setMemoryFlags(spec.memory >> 10, _LIVE)
            if not hotplug.settle_memory(domain, spec.memory):
                tell.warn(
                    f"its guest does not come to {format_size(spec.memory)} of memory, it uses the rest"
                )

    def delete(self, step: StepOf[VmSpec], _tell: Teller) -> None:
        """Cut the VM's power, and undefine it with all that libvirt keeps for it. Its console's logs go too."""
        spec = step.existing
        with translated(str(spec.address)):
            domain = self._find(spec)
            if domain is not None:
                domains.persist(domain)
                virdomain.destroy(domain)
                virdomain.discard(domain)  # some drivers can't undefine a domain with saved memory
                virdomain.undefine(domain)
            pool = pools.find(self._connection.virt, identity.pool_name(spec.lab))
            if pool is not None:
                pools.refresh(pool)
                variables = identity.nvram_volume(spec.name)
                of_vm = (*console.volume_names(pool, spec.name), variables, identity.copy_mark(variables))
                for name in of_vm:
                    volumes.delete(pool, name)

    async def booted(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Follow the guest until cloud-init has ended. A VM without a seed counts as booted as soon as it runs."""
        spec = step.wanted
        if spec.scripted:
            before = None if step.action.makes else step.existing
            async with self._explained(spec):
                await self._guests.booted(
                    spec, tell, before, keeps_memory=self._keeps_memory(step), unchanged=_unchanged(step)
                )
        tell.stage(Stage.BOOTED)

    def _keeps_memory(self, step: StepOf[VmSpec]) -> bool:
        """Whether the guest has a past in its memory: it does not boot by this step.

        Of one that runs already, a run that was ended may have let it go on without telling it anything.
        """
        if step.action.makes:
            return self._warm.keeps_memory(step.wanted)
        restart = step.effect is Effect.RESTART
        return not transition(step.existing.state, step.wanted.state, restart=restart).boots

    async def ready(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Wait for the `ready` conditions, then mark the running domain as ready in its metadata."""
        spec = step.wanted
        async with self._explained(spec):
            await self._guests.ready(spec, tell)
        if spec.memory < spec.max_memory:
            with translated(str(spec.address)):
                await self._connection.call(hotplug.settle_memory, self._require(spec), spec.memory)
        await self._connection.call(self._remember, spec)
        tell.stage(Stage.READY)

    async def reconfigure_guest(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Send a running guest the host names, NICs and keys that changed."""
        spec = step.wanted
        await self._guests.reconfigure(spec, tell, step.existing)
        await self._connection.call(self._remember, spec)

    @asynccontextmanager
    async def _explained(self, spec: VmSpec) -> AsyncIterator[None]:
        """Write the reason why a VM did not become ready to the running domain's metadata, for `status`."""
        try:
            yield
        except NotReady as error:
            with suppress(
                LabctlError
            ):  # the error itself matters more than its note, which needs the connection
                await self._connection.call(self._blame, spec, error.brief)
            raise

    def _blame(self, spec: VmSpec, problem: str) -> None:
        with translated(str(spec.address)):
            domain = self._find(spec)
            if domain is not None and domain.isActive():
                notes.change(domain, problem=problem)

    def _remember(self, spec: VmSpec) -> None:
        spec = replace(self._guests.with_reported_addresses(spec), keys=self._mark(spec))
        with translated(str(spec.address)):
            domain = self._require(spec)
            for seen, flag in ((replace(spec, ready=None), _CONFIG), (replace(spec, ready=True), _LIVE)):
                notes.note(domain, replace(seen, applied=spec.fingerprint()), flag)

    def _mark(self, spec: VmSpec) -> str:
        """The mark of the keys that the guest has, if this lab's keys are known."""
        return self._keys.mark(spec.name) if spec.keyed else spec.keys

    def _define(self, spec: VmSpec, domain: Any) -> None:
        """Write the persistent definition. For a running guest, its metadata keep what the guest was told so far."""
        _check_folders(spec)
        root = definition.anew(spec, self._past(spec, domain), self._mark(spec))
        made = self._connection.virt.defineXML(xmltree.to_text(root))
        if bool(made.autostart()) != spec.autostart:
            made.setAutostart(int(spec.autostart))

    def _past(self, spec: VmSpec, domain: Any) -> definition.Past | None:
        """What a new definition has to go on from; None for a VM that is made anew."""
        if domain is not None:
            remembers = bool(domain.isActive() or domain.hasManagedSaveImage())
            live = domain.XMLDesc() if domain.isActive() else None
            return definition.past(domain.XMLDesc(_INACTIVE), live, remembers=remembers)
        return self._warm.past(spec.saved) if spec.saved else None

    def _find(self, spec: VmSpec) -> Any:
        return domains.find(self._connection.virt, spec.lab, spec.name)

    def _require(self, spec: VmSpec) -> Any:
        domain = self._find(spec)
        if domain is None:
            raise LabctlError(
                "someone removed it meanwhile", where=str(spec.address), hint="`labctl up` makes it again"
            )
        return domain


def _check_folders(spec: VmSpec) -> None:
    """Refuse the Labfile's folders that a link leads elsewhere by now: who serves them to the guest is root."""
    for use in spec.filesystems:
        if use.tag.startswith(TAG):
            pinned.check(Path(use.source), use.source)


def _unchanged(step: StepOf[VmSpec]) -> bool:
    """Whether the VM does no more than go on or become ready: all that its guest is told is noted in its metadata."""
    return not step.action.makes and all(change.field in ("state", "ready") for change in step.changes)


def _replaced(step: StepOf[VmSpec]) -> set[str]:
    """The addresses of the objects that the VM needs and that the plan replaces."""
    return {change.field for change in step.changes if change.after == REPLACED}
