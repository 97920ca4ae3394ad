"""What VMs have noted of provisioning steps that are gone from the Labfile: it goes with the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.events import Diagnostic
from labctl.core.spec import of_kind
from labctl.engine import provision
from labctl.host.libvirt import domains, records
from labctl.host.libvirt.connection import translated
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.app.session import Session
    from labctl.core.events import Sink
    from labctl.engine.observe import Observed


def prune(session: Session, observed: Observed, sink: Sink) -> None:
    """Remove what is noted of steps that the Labfile has no more. It means nothing, so no plan has it."""
    known = provision.keys(session.lab)
    for vm in of_kind(observed.specs.values(), VmSpec):
        noted = vm.records.get(ProvisionSpec.kind, {})
        gone = noted.keys() - known[vm.name] if vm.name in known else set()
        try:
            if gone:
                _forget(session, vm, gone)
        except LabctlError as error:
            summary = f"{vm.name} still has notes of steps that are gone: {error}"
            sink(Diagnostic("warning", summary, "the next `labctl up` tries again"))


def _forget(session: Session, vm: VmSpec, keys: Collection[str]) -> None:
    with translated(str(vm.address)):
        domain = domains.find(session.hosts.of(vm.address).virt, vm.lab, vm.name)
        if domain is not None:
            records.forget(domain, ProvisionSpec.kind, keys)
