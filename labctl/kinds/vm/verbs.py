"""What a VM's driver does beyond what all drivers do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from labctl.core.verbs import Driver, Verb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.kinds.vm.spec import VmSpec


class Lifecycle(Driver["VmSpec"], Protocol):
    """The driver of VMs, as their verbs need it."""

    def release(self, step: StepOf[VmSpec], tell: Teller, /) -> None: ...

    def stop(self, step: StepOf[VmSpec], tell: Teller, /) -> Awaitable[None]: ...

    def start(self, step: StepOf[VmSpec], tell: Teller, /) -> None: ...

    def booted(self, step: StepOf[VmSpec], tell: Teller, /) -> Awaitable[None]: ...

    def ready(self, step: StepOf[VmSpec], tell: Teller, /) -> Awaitable[None]: ...

    def reconfigure_guest(self, step: StepOf[VmSpec], tell: Teller, /) -> Awaitable[None]: ...


RELEASE: Verb[Lifecycle] = Verb("release", "detaching", lambda vm: vm.release, lets_go=True)
STOP: Verb[Lifecycle] = Verb("stop", "shutting down", lambda vm: vm.stop, lets_go=True, stops=True)
START: Verb[Lifecycle] = Verb("start", "starting", lambda vm: vm.start, boot="begins")
BOOTED: Verb[Lifecycle] = Verb("booted", "booting", lambda vm: vm.booted, boot="ends")
READY: Verb[Lifecycle] = Verb("ready", "waiting until ready", lambda vm: vm.ready)
RECONFIGURE_GUEST: Verb[Lifecycle] = Verb(
    "reconfigure_guest", "telling the guest", lambda vm: vm.reconfigure_guest
)
BOOT = (START, BOOTED, READY)
