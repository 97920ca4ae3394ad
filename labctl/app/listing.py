"""Lists the labs of a libvirt host, which it finds by labctl's metadata in domains and networks, and by other kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.address import natural_sort_key
from labctl.core.lifecycle import State
from labctl.core.record import field, record
from labctl.engine import overview
from labctl.engine.registry import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.host.host import Host
    from labctl.kinds import Kind

FORMAT = 1


@record(frozen=False)
class Listed:
    """A lab. `files` are the Labfiles named in its objects; more than one means that something went wrong."""

    name: str
    vms: int = 0
    running: int = 0
    networks: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "vms": self.vms,
            "running": self.running,
            "networks": self.networks,
            "files": sorted(self.files),
        }


def labs(host: Host, kinds: Iterable[Kind[Any]] = KINDS) -> list[Listed]:
    """Give the labs, sorted by name.

    Raises:
        LabctlError: libvirt does not answer.
    """
    seen = overview.look((host,))
    found: dict[str, Listed] = {}
    for vm in seen.vms:
        lab = found.setdefault(vm.lab, Listed(vm.lab))
        lab.vms += 1
        lab.running += vm.state == State.RUNNING
        lab.files.add(vm.file)
    for network in sorted(seen.networks, key=lambda each: natural_sort_key(each.name)):
        lab = found.setdefault(network.lab, Listed(network.lab))
        lab.networks.append(network.name)
        lab.files.add(network.file)
    for name in (name for kind in kinds for name in kind.labs(host)):
        found.setdefault(name, Listed(name))
    for lab in found.values():
        lab.files.discard("")
    return sorted(found.values(), key=lambda lab: natural_sort_key(lab.name))
