"""The verb of provisioning steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from labctl.core.lifecycle import Stage
from labctl.core.verbs import Driver, Verb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.kinds.provision.spec import ProvisionSpec


class Provisioner(Driver["ProvisionSpec"], Protocol):
    """The method of the driver of steps that the verb calls."""

    def run(self, step: StepOf[ProvisionSpec], tell: Teller, /) -> Awaitable[None]: ...


RUN: Verb[Provisioner] = Verb("run", "running", lambda driver: driver.run, reaches=Stage.CREATED)
