"""Domains in libvirt. Every verb first looks at what is there, so that it can be run again after a failure."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity, xmltree
from labctl.core.errors import LabctlError, NotReady
from labctl.core.lifecycle import Stage, State
from labctl.core.plan import REPLACED
from labctl.core.record import replace
from labctl.core.size import format_size
from labctl.guest.nic_config import NicConfig
from labctl.host.access import console
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.connection import call_on, found, run_event_loop, translated
from labctl.host.libvirt.domain_state import state_of
from labctl.kinds.vm import hotplug, metadata, preserve, virdomain, xml
from labctl.kinds.vm.guest import GuestSessions

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
        self._conversations = GuestSessions(host.connection, keys)

    def create(self, step: StepOf[VmSpec], _tell: Teller) -> None:
        spec = step.wanted
        with translated(str(spec.address)):
            self._define(spec, None)

    def start(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Let it run, from whatever state it is in by now."""
        spec = step.wanted
        with translated(str(spec.address)):
            domain = self._require(spec)
            virdomain.run(domain, spec)
        tell.stage(Stage.STARTED)

    def suspend(self, step: StepOf[VmSpec], _tell: Teller) -> None:
        """Pause it where it is."""
        spec = step.wanted
        with translated(str(spec.address)):
            domain = self._require(spec)
            if state_of(domain) == State.RUNNING:
                domain.suspend()

    async def stop(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Shut it down through ACPI; pull the plug when it does not react in time."""
        spec = step.existing
        with translated(str(spec.address)):
            domain = await self._connection.call(self._find, spec)
            if domain is None or not await self._connection.call(domain.isActive):
                return
            await self._connection.call(virdomain.persist, domain)
            tell.progress("shutting down")
            await self._connection.call(virdomain.shutdown, domain)
            if not await self._ended(domain, virdomain.SHUTDOWN_S):
                tell.warn("it did not shut down in time, so its power was cut")
                await self._connection.call(virdomain.destroy, domain)

    async def _ended(self, domain: Any, seconds: float) -> bool:
        """Wait until the domain is off; libvirt's lifecycle event tells."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def happened(_virt: Any, _domain: Any, event: int, _detail: int, _opaque: None) -> None:
            if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
                call_on(loop, ended.set)

        run_event_loop()
        virt = domain.connect()
        key = virt.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, happened, None)
        try:
            if not await self._connection.call(domain.isActive):
                return True  # it ended before the event could be asked for
            await asyncio.wait_for(ended.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            virt.domainEventDeregisterAny(key)
        return True

    def discard(self, step: StepOf[VmSpec], _tell: Teller) -> None:
        """Throw away the memory that libvirt has saved: it boots at its next start."""
        with translated(str(step.address)):
            domain = self._find(step.existing)
            if domain is not None:
                virdomain.discard(domain)

    def release(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Unplug what leaves, so that its network or disk can go."""
        before, after = step.existing, step.wanted
        with translated(str(after.address)):
            domain = self._require(before)
            if not domain.isActive():
                return
            for device in hotplug.leaving(hotplug.live(domain, before), after, _replaced(step)):
                tell.progress(f"unplugging {device.name}")
                hotplug.detach(domain, device, after.address)

    def update(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Plug in what comes, set what can be set live, and write the persistent definition."""
        before, spec = step.existing, step.wanted
        with translated(str(spec.address)):
            domain = self._require(spec)
            if domain.name() != spec.libvirt_name:
                virdomain.rename(domain, spec.libvirt_name)
                domain = self._require(spec)
            # someone's snapshot may be younger than the plan
            spec = spec.onward(hotplug.without(hotplug.seen(domain, spec), _replaced(step)))
            if domain.isActive():
                self._update_live(domain, spec, tell)
                if before.unmarked:
                    _note(domain, replace(spec, ready=before.ready), _LIVE)
            self._define(spec, domain)
            if domain.isActive() and not spec.awaited:
                _note(domain, replace(spec, ready=None), _LIVE)  # it may have been told ready before

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
        """Cut its power and remove it with all that libvirt keeps of it; its console's log goes too."""
        spec = step.existing
        with translated(str(spec.address)):
            domain = self._find(spec)
            if domain is not None:
                virdomain.persist(domain)
                virdomain.destroy(domain)
                virdomain.discard(domain)  # not all drivers undefine it together with that
                virdomain.undefine(domain)
            pool = pools.find(self._connection.virt, identity.pool_name(spec.lab))
            if pool is not None:
                pools.refresh(pool)
                volumes.delete(pool, console.volume(spec.name))

    async def booted(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Follow the guest until its cloud-init ended; what has none counts as booted as soon as it runs."""
        spec = step.wanted
        if spec.scripted:
            before = None if step.action.makes else step.existing
            async with self._explained(spec):
                await self._conversations.booted(spec, tell, before)
        tell.stage(Stage.BOOTED)

    async def ready(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Wait for the `ready` conditions, then remember in the running domain that they were met."""
        spec = step.wanted
        async with self._explained(spec):
            await self._conversations.ready(spec, tell)
        if spec.memory < spec.max_memory:
            with translated(str(spec.address)):
                await self._connection.call(hotplug.settle_memory, self._require(spec), spec.memory)
        await self._connection.call(self._remember, spec)
        tell.stage(Stage.READY)

    async def reconfigure_guest(self, step: StepOf[VmSpec], tell: Teller) -> None:
        """Tell a running guest the names and NICs that changed."""
        spec = step.wanted
        await self._conversations.told(spec, tell, step.existing)
        await self._connection.call(self._remember, spec)

    @asynccontextmanager
    async def _explained(self, spec: VmSpec) -> AsyncIterator[None]:
        """Leave in the running domain why it did not become ready, for `status`."""
        try:
            yield
        except NotReady as error:
            with suppress(LabctlError):  # without a connection nothing can be left; the reason counts
                await self._connection.call(self._blame, spec, error.brief)
            raise

    def _blame(self, spec: VmSpec, problem: str) -> None:
        with translated(str(spec.address)):
            domain = self._find(spec)
            if domain is not None and domain.isActive():
                live = xml.read(ET.fromstring(domain.XMLDesc()))
                if live is not None:
                    _note(domain, replace(live, problem=problem), _LIVE)

    def _remember(self, spec: VmSpec) -> None:
        spec = replace(self._conversations.seen(spec), keys=self._mark(spec))
        with translated(str(spec.address)):
            domain = self._require(spec)
            for seen, flag in ((replace(spec, ready=None), _CONFIG), (replace(spec, ready=True), _LIVE)):
                _note(domain, replace(seen, applied=spec.fingerprint()), flag)

    def _mark(self, spec: VmSpec) -> str:
        """Stand for the keys that its guest has, where this run sees to them."""
        return self._keys.mark(spec.name) if spec.keyed else spec.keys

    def _define(self, spec: VmSpec, domain: Any) -> None:
        """Write the persistent definition. What a guest that goes on has yet to be told is marked as not told."""
        defined = None if domain is None else ET.fromstring(domain.XMLDesc(_INACTIVE))
        was = None if defined is None else xml.read(defined)
        told = replace(_as_known(spec, was), keys=self._mark(spec))
        if domain is not None and spec.scripted and (domain.isActive() or domain.hasManagedSaveImage()):
            told = _untold(told, was)
        root = xml.render(replace(told, ready=None, applied=spec.fingerprint()))
        if defined is not None:
            preserve.places(ET.fromstring(domain.XMLDesc(0)) if domain.isActive() else defined, root)
            preserve.layers(defined, root)
        made = self._connection.virt.defineXML(xmltree.to_text(root))
        if bool(made.autostart()) != spec.autostart:
            made.setAutostart(int(spec.autostart))

    def _find(self, spec: VmSpec) -> Any:
        virt = self._connection.virt
        # it still has its UUID if someone renamed it
        return found((virt.lookupByUUIDString, spec.uuid), (virt.lookupByName, spec.libvirt_name))

    def _require(self, spec: VmSpec) -> Any:
        domain = self._find(spec)
        if domain is None:
            raise LabctlError(
                "someone removed it meanwhile", where=str(spec.address), hint="`labctl up` makes it again"
            )
        return domain


def _replaced(step: StepOf[VmSpec]) -> set[str]:
    """The addresses of the objects that it needs and that are made anew."""
    return {change.field for change in step.changes if change.after == REPLACED}


def _as_known(spec: VmSpec, was: VmSpec | None) -> VmSpec:
    """The spec with the addresses that its guest reported last and the names that it was told: a seed has neither."""
    seen = {nic.mac: nic.seen for nic in was.nics} if was else {}
    hosts = (was.hosts if was else "") if spec.scripted and spec.state == State.RUNNING else spec.hosts
    return replace(spec.with_seen(lambda mac: seen.get(mac, ())), hosts=hosts)


def _untold(spec: VmSpec, was: VmSpec | None) -> VmSpec:
    """The spec with what its running guest was told so far of NICs and keys; one that is off gets them by its seed."""
    guest = {nic.name: nic.guest for nic in was.nics} if was else {}
    nics = tuple(replace(nic, guest=guest.get(nic.name, NicConfig())) for nic in spec.nics)
    return replace(spec, nics=nics, keys=was.keys if was else "")


def _note(domain: Any, spec: VmSpec, flag: int) -> None:
    text = metadata.plain(spec)
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, "labctl", identity.XMLNS, flag)
