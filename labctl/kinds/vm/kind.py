"""The kind of VMs for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.kinds import Kind
from labctl.kinds.vm.observe import observe
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.kinds.vm.verbs import Lifecycle


def _driver(host: Host, keys: Keys) -> Lifecycle:
    from labctl.kinds.vm.driver import VmDriver  # most runs have nothing to do

    return VmDriver(host, keys)


VM = Kind(VmSpec, _driver, observe)
