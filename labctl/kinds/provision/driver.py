"""The driver of provisioning steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.kinds.provision import ansible, copy, fetch, shell
from labctl.kinds.provision.job import Job
from labctl.kinds.provision.work import Ansible, Copy, Fetch, Shell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.kinds.provision.spec import ProvisionSpec

# What does each kind of work. A function that does not work by `Job.in_each` does so within `Job.noted`.
RUNS: Mapping[type, Callable[[Job], Awaitable[None]]] = {
    Shell: shell.run,
    Copy: copy.run,
    Fetch: fetch.run,
    Ansible: ansible.run,
}


class ProvisionDriver:
    """Runs steps. What is recorded of a step that is gone from the Labfile means nothing (`app.step_records`)."""

    def __init__(self, host: Host, keys: Keys) -> None:
        self._connection = host.connection
        self._keys = keys

    async def run(self, step: StepOf[ProvisionSpec], tell: Teller) -> None:
        """Run a step in the VMs in which it is due."""
        spec = step.wanted
        targets = spec.where_to_run(step.before, step.changes)
        await RUNS[type(spec.work)](Job(spec, targets, tell, self._connection, self._keys))

    create = update = run

    def delete(self, step: StepOf[ProvisionSpec], tell: Teller) -> None:
        """Nothing: no plan has this, since what was done in a guest can't be undone."""
