"""What exists: one pass over libvirt, read into the same specs that the Labfile becomes.

It costs a few listings a kind and one XML dump an object; what runs is dumped a second time as it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import field, record
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.look import Look
from labctl.host.libvirt.stored import Stored

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from labctl.core.address import Address
    from labctl.core.marked import Foreign
    from labctl.core.spec import Spec
    from labctl.host.host import Host
    from labctl.kinds import Kind


@record
class Observed:
    """All of the lab that exists, and what else is there that it could collide with.

    `live` holds what runs as it runs, where its kind tells that from how it is defined. `store` is the folder of the
    images' pool, `folder` that of the lab's; None where there is no such pool. `stored` is what the lab's pool holds,
    its strangers included.
    """

    specs: Mapping[Address, Spec] = field(default_factory=dict)
    live: Mapping[Address, Spec] = field(default_factory=dict)
    foreign: tuple[Foreign, ...] = ()
    store: str | None = None
    folder: str | None = None
    stored: Stored = field(default_factory=Stored)

    @property
    def applied(self) -> dict[Address, str]:
        return {address: spec.applied for address, spec in self.specs.items()}

    @property
    def files(self) -> frozenset[str]:
        """The Labfiles that objects of this lab name as theirs."""
        return frozenset(spec.file for spec in self.specs.values() if spec.file)


def observe(host: Host, lab: str, kinds: Collection[Kind[Any]], named: Collection[str] = ()) -> Observed:
    """Read everything of the lab, and the rest of the host as far as it matters.

    `named` are the volumes of the disks that the Labfile names; so are those that its VMs have.
    """
    with translated(host.uri):
        have_disks = [kind.name for kind in kinds if kind.spec.has_disks]
        look = Look(host.connection, lab, named, {kind.name: kind.observe for kind in kinds}, have_disks)
        found = [look.found(kind.name) for kind in kinds]
        return Observed(
            {spec.address: spec for each in found for spec in each.specs},
            {spec.address: spec for each in found for spec in each.live},
            tuple(other for each in found for other in each.foreign),
            look.store,
            look.contents.folder if look.contents else None,
            look.stored,
        )


def merge(observed: Observed, desired: Mapping[Address, Spec]) -> dict[Address, Spec]:
    """Give for everything that exists what to compare with what is wanted."""
    merged = dict(observed.specs)
    for address, live in observed.live.items():
        merged[address] = merged[address].as_it_runs(live, desired.get(address))
    for address in merged.keys() & desired.keys():
        merged[address] = merged[address].completed(desired[address], observed.specs)
    return merged


def onward(observed: Observed, desired: Mapping[Address, Spec]) -> dict[Address, Spec]:
    """What is wanted, with the disks of what runs where that has them."""
    running = {
        address: desired[address].onward(live)
        for address, live in observed.live.items()
        if address in desired
    }
    return {**desired, **running}
