"""The addresses that guests report now, in place of those that are noted in the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from labctl.core.address import Address
    from labctl.core.spec import Spec
    from labctl.engine.observe import Observed
    from labctl.host.host import Host


def heard(host: Host, observed: Observed) -> Observed:
    """Ask running guests for the addresses that only they know; silent ones have those that are noted."""
    asked = {spec.libvirt_name: spec for spec in of_kind(observed.specs.values(), VmSpec) if spec.reports}
    if not asked:
        return observed
    from labctl.host.access import report  # few labs have such NICs

    specs: dict[Address, Spec] = dict(observed.specs)
    for name, state in report.states(host.connection, asked).items():
        spec = asked[name]
        now = spec.with_seen(state.addresses_of)
        same = [nic.seen for nic in now.nics] == [nic.seen for nic in spec.nics]
        specs[spec.address] = replace(now, heard=same)
    return replace(observed, specs=specs)
