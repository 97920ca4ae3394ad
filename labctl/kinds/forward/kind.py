"""The kind of forwards for the registry: records in the metadata of VMs, and processes of this host."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.core.found import Found
from labctl.core.record import replace
from labctl.host.machine import forwarders
from labctl.host.machine.processes import Identity
from labctl.kinds import Kind
from labctl.kinds.forward.spec import ForwardSpec, left_over, parse, process_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labctl.core.records import Records
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.kinds.forward.driver import ForwardDriver


def _driver(host: Host, _keys: Keys) -> ForwardDriver:
    from labctl.kinds.forward.driver import ForwardDriver  # most runs have nothing to do

    return ForwardDriver(host)


def _observe(look: Look) -> Found[ForwardSpec]:
    if not look.connection.local:
        return Found()  # what runs there nobody sees from here, and labctl starts nothing there
    found = [forward for vm in look.found("vm").specs for forward in recorded(look.lab, vm.name, vm.records)]
    known = {each.address.name for each in found}
    return Found((*found, *_left_over(look, known)))


def recorded(lab: str, vm: str, records: Mapping[str, Records]) -> Iterator[ForwardSpec]:
    """The forwards in a VM's records, which may be anything: whoever may use libvirt can write there."""
    for key, each in records.get(ForwardSpec.kind, {}).items():
        with suppress(ValueError):
            process = Identity(*process_of(each))
            yield replace(parse(lab, vm, key), to=each.get("to", ""), alive=process.alive, pid=process.pid)


def _left_over(look: Look, known: set[str]) -> list[ForwardSpec]:
    """The forwards of processes that no VM has a record of, as after somebody undefined it."""
    found: dict[str, ForwardSpec] = {}
    for each in forwarders.running(look.connection.uri, look.lab):
        name = each.mark.name
        if name not in known and name not in found:
            with suppress(ValueError):
                found[name] = replace(left_over(look.lab, name, each.to), pid=each.session)
    return list(found.values())


def _labs(host: Host) -> list[str]:
    return [each.mark.lab for each in forwarders.running(host.uri)] if host.local else []


FORWARD = Kind(ForwardSpec, _driver, _observe, _labs)
