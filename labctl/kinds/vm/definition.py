"""The definition of a VM that comes after another one: with what libvirt chose, and what the guest knows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core.lifecycle import State
from labctl.core.record import record, replace
from labctl.guest.nic_config import NicConfig
from labctl.kinds.vm import nvram, preserve, xml

if TYPE_CHECKING:
    from labctl.core.xmltree import Element
    from labctl.kinds.vm.spec import VmSpec


@record
class Past:
    """A VM until now: how it is defined, and how it runs if it does. `remembers` says that its guest has memory."""

    defined: Element
    live: Element
    remembers: bool


def past(defined: str, live: str | None, *, remembers: bool) -> Past:
    """The past of a VM by the XML of its definition and, if it runs, the XML with which it does."""
    root = ET.fromstring(defined)
    return Past(root, root if live is None else ET.fromstring(live), remembers)


def anew(spec: VmSpec, past: Past | None, keys: str) -> Element:
    """The XML of the VM's next definition. `keys` is the mark of the keys that its seed has.

    Of a guest with memory, the metadata keep what it was told so far.
    """
    was = xml.read(past.defined) if past else None
    told = replace(_as_known(spec, was), keys=keys)
    if past and past.remembers and spec.scripted:
        told = _untold(told, was)
    root = xml.render(replace(told, ready=None, applied=spec.fingerprint()))
    if past:
        preserve.places(past.live, root)
        if not spec.saved:  # its disks stand on other files than they did
            preserve.layers(past.defined, root)
        preserve.generation(past.defined, root)
        nvram.stay(past.defined, root, spec.nvram)
        preserve.metadata(past.defined, root)
    if past is None or spec.saved:  # it is made: nothing else has noted anything
        preserve.records(spec.records, root)
    return root


def _as_known(spec: VmSpec, was: VmSpec | None) -> VmSpec:
    """The spec with the addresses that its guest reported last and the host names that it was told.

    A seed has neither.
    """
    seen = {nic.mac: nic.seen for nic in was.nics} if was else {}
    hosts = (was.hosts if was else "") if spec.scripted and spec.state == State.RUNNING else spec.hosts
    return replace(spec.with_seen(lambda mac: seen.get(mac, ())), hosts=hosts)


def _untold(spec: VmSpec, was: VmSpec | None) -> VmSpec:
    """The spec with the NICs and keys that its running guest was told so far; a guest that is off reads its seed."""
    guest = {nic.name: nic.guest for nic in was.nics} if was else {}
    nics = tuple(replace(nic, guest=guest.get(nic.name, NicConfig())) for nic in spec.nics)
    return replace(spec, nics=nics, keys=was.keys if was else "")
