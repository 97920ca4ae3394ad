"""The verbs of VMs that other kinds don't have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from labctl.core.lifecycle import Stage
from labctl.core.verbs import Driver, Verb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.kinds.vm.spec import VmSpec


class Lifecycle(Driver["VmSpec"], Protocol):
    """The methods of the driver of VMs that the verbs call."""

    def release(self, step: StepOf[VmSpec], tell: Teller, /) -> None: ...

    def stop(self, step: StepOf[VmSpec], tell: Teller, /) -> Awaitable[None]: ...

    def discard(self, step: StepOf[VmSpec], tell: Teller, /) -> None: ...

    def start(self, step: StepOf[VmSpec], tell: Teller, /) -> None: ...

    def suspend(self, step: StepOf[VmSpec], tell: Teller, /) -> None: ...

    def save(self, step: StepOf[VmSpec], tell: Teller, /) -> None: ...

    def booted(self, step: StepOf[VmSpec], tell: Teller, /) -> Awaitable[None]: ...

    def ready(self, step: StepOf[VmSpec], tell: Teller, /) -> Awaitable[None]: ...

    def reconfigure_guest(self, step: StepOf[VmSpec], tell: Teller, /) -> Awaitable[None]: ...


RELEASE: Verb[Lifecycle] = Verb("release", "detaching", lambda vm: vm.release, lets_go=True)
STOP: Verb[Lifecycle] = Verb("stop", "shutting down", lambda vm: vm.stop, lets_go=True, stops=True)
DISCARD: Verb[Lifecycle] = Verb("discard", "discarding its memory", lambda vm: vm.discard, lets_go=True)
START: Verb[Lifecycle] = Verb("start", "starting", lambda vm: vm.start, boots=True, reaches=Stage.STARTED)
# these call `start` too, which looks at the domain's state, but they are no boots
RESUME: Verb[Lifecycle] = Verb("resume", "resuming", lambda vm: vm.start, goes_on=True, reaches=Stage.STARTED)
RESTORE: Verb[Lifecycle] = Verb(
    "restore", "restoring its memory", lambda vm: vm.start, goes_on=True, reaches=Stage.STARTED
)
# a VM that runs, unless it went off since the plan was made; its guest boots, or has booted
AWAIT: Verb[Lifecycle] = Verb("await", "waiting", lambda vm: vm.start, boots=True, reaches=Stage.STARTED)
SUSPEND: Verb[Lifecycle] = Verb("suspend", "pausing", lambda vm: vm.suspend)
SAVE: Verb[Lifecycle] = Verb("save", "saving its memory", lambda vm: vm.save)
BOOTED: Verb[Lifecycle] = Verb("booted", "booting", lambda vm: vm.booted, reaches=Stage.BOOTED)
READY: Verb[Lifecycle] = Verb("ready", "waiting until ready", lambda vm: vm.ready, reaches=Stage.READY)
RECONFIGURE_GUEST: Verb[Lifecycle] = Verb(
    "reconfigure_guest", "telling the guest", lambda vm: vm.reconfigure_guest
)
