"""The driver of forwards: starts and ends their processes, and records them with their VM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.endpoint import Endpoint
from labctl.core.errors import LabctlError
from labctl.host.libvirt import domains, records
from labctl.host.libvirt.connection import translated
from labctl.host.machine import forwarders
from labctl.host.machine.forwarders import Mark
from labctl.kinds.forward.spec import ForwardSpec, record_of

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.host import Host


class ForwardDriver:
    """Makes and ends forwards. What is left of a forward's processes is ended before it is begun."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def create(self, step: StepOf[ForwardSpec], _tell: Teller) -> None:
        spec = step.wanted
        mark = self._mark(spec)
        forwarders.end(mark, step.before.pid if step.before else 0)
        with translated(str(spec.address)):
            domain = self._domain(spec)
            if domain is None:
                raise LabctlError("its VM is gone", where=str(spec.address))
            process = forwarders.start(mark, spec.listens, spec.protocol, Endpoint.parse(spec.to))
            record = record_of(spec.to, process.pid, process.started, process.boot)
            try:
                records.write(domain, ForwardSpec.kind, spec.key, record)
            except BaseException:
                forwarders.end(mark)
                raise

    update = create

    def delete(self, step: StepOf[ForwardSpec], _tell: Teller) -> None:
        spec = step.existing
        forwarders.end(self._mark(spec), spec.pid)
        with translated(str(spec.address)):
            domain = self._domain(spec)
            if domain is not None:
                records.write(domain, ForwardSpec.kind, spec.key, None)

    def _mark(self, spec: ForwardSpec) -> Mark:
        return Mark(self._host.uri, spec.lab, spec.address.name)

    def _domain(self, spec: ForwardSpec) -> Any:
        """The domain of its VM; None without one. Its records go with it."""
        return domains.find(self._host.virt, spec.lab, spec.vm)
