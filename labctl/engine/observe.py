"""What exists: one pass over each libvirt host, read into the same specs that the Labfile becomes.

This takes a few listings for each kind and the XML of each object; running objects give their XML twice, as they are
defined and as they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import field, record, replace
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.look import Look
from labctl.host.libvirt.stored import Stored
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from labctl.core.address import Address
    from labctl.core.marked import Foreign
    from labctl.core.spec import Spec
    from labctl.host.host import Host
    from labctl.host.hosts import Hosts
    from labctl.kinds import Kind


@record
class Observed:
    """All existing objects of a lab, and the objects of others that it could collide with.

    `live` holds what runs as it runs, where its kind tells that from how it is defined. `stores` gives the
    folder of the images' pool of each host that has one. `folder` is that of the lab's pool, None where there is none;
    `stored` is what that pool holds, its strangers included.
    """

    specs: Mapping[Address, Spec] = field(default_factory=dict)
    live: Mapping[Address, Spec] = field(default_factory=dict)
    foreign: tuple[Foreign, ...] = ()
    stores: Mapping[Host, str] = field(default_factory=dict)
    folder: str | None = None
    stored: Stored = field(default_factory=Stored)

    @property
    def applied(self) -> dict[Address, str]:
        return {address: spec.applied for address, spec in self.specs.items()}

    @property
    def files(self) -> frozenset[str]:
        """The Labfiles that the objects of this lab were made from."""
        return frozenset(spec.file for spec in self.specs.values() if spec.file)


def observe(hosts: Hosts, lab: str, kinds: Collection[Kind[Any]], named: Collection[str] = ()) -> Observed:
    """Read everything of the lab, and the rest of its hosts as far as it matters.

    An object counts where it belongs: what has its mark on another host is not it. `named` are the volumes of the disks
    that the Labfile names; so are those that its VMs have.
    """
    looks = {host: _look(host, lab, kinds, named) for host in hosts}
    pool = looks[hosts.of(addresses.pool(lab))]

    def belonging(specs: Callable[[Observed], Mapping[Address, Spec]]) -> dict[Address, Spec]:
        return {
            address: spec
            for host, seen in looks.items()
            for address, spec in specs(seen).items()
            if hosts.of(address) is host
        }

    return Observed(
        belonging(lambda seen: seen.specs),
        belonging(lambda seen: seen.live),
        tuple(other for seen in looks.values() for other in seen.foreign),
        {host: folder for seen in looks.values() for host, folder in seen.stores.items()},
        pool.folder,
        pool.stored,
    )


def _look(host: Host, lab: str, kinds: Collection[Kind[Any]], named: Collection[str]) -> Observed:
    """What one host has."""
    with translated(host.uri):
        have_disks = [kind.name for kind in kinds if kind.spec.has_disks]
        look = Look(host.connection, lab, named, {kind.name: kind.observe for kind in kinds}, have_disks)
        found = [look.found(kind.name) for kind in kinds]
        return Observed(
            {spec.address: spec for each in found for spec in each.specs},
            {spec.address: spec for each in found for spec in each.live},
            tuple(replace(other, host=host.uri) for each in found for other in each.foreign),
            {host: look.store} if look.store is not None else {},
            look.contents.folder if look.contents else None,
            look.stored,
        )


def merge(observed: Observed, desired: Mapping[Address, Spec]) -> dict[Address, Spec]:
    """Give the spec of each existing object that the wanted spec is compared with."""
    merged = dict(observed.specs)
    for address, live in observed.live.items():
        merged[address] = merged[address].as_it_runs(live, desired.get(address))
    for address in merged.keys() & desired.keys():
        merged[address] = merged[address].completed(desired[address], observed.specs)
    return merged


def onward(observed: Observed, desired: Mapping[Address, Spec]) -> dict[Address, Spec]:
    """The wanted specs, with the disks of running VMs where these have them now."""
    running = {
        address: desired[address].onward(live)
        for address, live in observed.live.items()
        if address in desired
    }
    return {**desired, **running}
