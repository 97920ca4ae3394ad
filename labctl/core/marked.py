"""Objects of libvirt that carry labctl's mark in their metadata, and those that don't: whose each is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from labctl.core.identity import libvirt_name, object_uuid
from labctl.core.record import record, replace
from labctl.core.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

M = TypeVar("M", bound="Marked")


class Marked(Spec):
    """A spec of what carries the mark. `libvirt_object` is libvirt's word for it: "domain" or "network"."""

    lab: str
    name: str

    def rendered(self) -> Element:
        """The XML that libvirt gets, before its edits."""
        raise NotImplementedError

    def edited(self) -> Self:
        """The spec as its edits make it, so that what they change is no drift."""
        raise NotImplementedError


@record
class Foreign:
    """A libvirt object as one that this lab did not make. `subnets` are CIDRs, `macs` lower case, `memory` bytes."""

    kind: str  # as `Marked.libvirt_object`
    name: str
    uuid: str
    lab: str = ""  # the other lab that made it, if one did
    file: str = ""
    subnets: tuple[str, ...] = ()
    bridge: str = ""
    macs: tuple[str, ...] = ()
    memory: int = 0
    active: bool = False  # of a network


def foreign(kind: str, root: Element, spec: Marked | None, **more: Any) -> Foreign:
    """Read the XML of a domain or network as someone else's."""
    name, uuid = root.findtext("name") or "", root.findtext("uuid") or ""
    return Foreign(kind, name, uuid, spec.lab if spec else "", spec.file if spec else "", **more)


def own(lab: str, spec: M | None, foreign: Foreign, adopt: Callable[[str], M], kind: type[M]) -> M | None:
    """The spec of what is the lab's, with what became of its name and mark; None of anything else.

    labctl's mark says whose an object is, and where that or the name was changed, the UUID does: UUIDs follow from the
    lab and the name (`core.identity`), and libvirt never changes the UUID of what exists. A copy of one of ours, as
    `virt-clone` makes it, carries the mark too, but has a name and a UUID of its own: it is someone else's.

    Args:
        lab: the lab.
        spec: what its mark says, None without a mark.
        foreign: the same object as someone else's.
        adopt: gives the spec of what has no mark, for a name within the lab.
        kind: the class of the spec.
    """
    if spec is None:
        name = unmarked_name(lab, kind.kind, foreign.name, foreign.uuid)
        return None if name is None else adopt(name)
    if spec.lab != lab:
        return None
    if foreign.name == libvirt_name(lab, spec.name):
        return spec
    if foreign.uuid == object_uuid(lab, kind.kind, spec.name):
        return replace(spec, renamed=foreign.name)
    return None


def unmarked_name(lab: str, kind: str, name: str, uuid: str) -> str | None:
    """The name within the lab of an object that is the lab's by its name and UUID alone; None of anything else."""
    within = name.removeprefix(libvirt_name(lab, ""))
    return within if within != name and uuid == object_uuid(lab, kind, within) else None
