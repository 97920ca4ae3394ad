"""Decides which lab a domain or network belongs to: by labctl's mark in its metadata, its name and its UUID."""

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
    """The spec of a libvirt object that has the mark. `libvirt_object` is "domain" or "network"."""

    lab: str
    name: str
    renamed: str  # the name in libvirt that someone gave it; empty if it has labctl's

    @property
    def libvirt_name(self) -> str:
        return self.renamed or libvirt_name(self.lab, self.name)

    @property
    def uuid(self) -> str:
        """The UUID of its domain or network."""
        return object_uuid(self.lab, self.kind, self.name)

    def rendered(self) -> Element:
        """The XML for libvirt, before the Labfile's `xml:` edits it."""
        raise NotImplementedError

    def edited(self) -> Self:
        """The spec that the edited XML reads as: with it, changes by `xml:` are not drift."""
        raise NotImplementedError


@record
class Foreign:
    """A libvirt object that this lab did not make.

    `subnets` are in CIDR notation, `macs` in lower case, `memory` is in bytes.
    """

    kind: str  # as `Marked.libvirt_object`
    name: str
    uuid: str
    lab: str = ""  # the lab that made it, if one did
    file: str = ""  # the Labfile of that lab
    subnets: tuple[str, ...] = ()
    bridge: str = ""
    macs: tuple[str, ...] = ()
    memory: int = 0
    active: bool = False  # for networks
    host: str = ""  # the URI of the libvirt host that it is on


def foreign(kind: str, root: Element, spec: Marked | None, **more: Any) -> Foreign:
    """Read the XML of a domain or network as a foreign object; `spec` is what its mark says, if it has one."""
    name, uuid = root.findtext("name") or "", root.findtext("uuid") or ""
    return Foreign(kind, name, uuid, spec.lab if spec else "", spec.file if spec else "", **more)


def own(lab: str, spec: M | None, foreign: Foreign, adopt: Callable[[str], M], kind: type[M]) -> M | None:
    """The spec of an object that belongs to the lab, with a changed name or removed mark noted; None for any other.

    The mark says which lab made an object. Where the mark or the name was changed, the UUID decides: UUIDs follow from
    the lab and the name (`core.identity`), and libvirt never changes them. A copy, as `virt-clone` makes it, has the
    mark too, but a name and a UUID of its own: it does not belong to the lab.

    Args:
        lab: the lab.
        spec: what the object's mark says; None without a mark.
        foreign: the same object, read as a foreign one.
        adopt: makes the spec of an object without a mark, from its name within the lab.
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
    """The name within the lab of an object whose name and UUID are those of this lab; None for any other."""
    within = name.removeprefix(libvirt_name(lab, ""))
    return within if within != name and uuid == object_uuid(lab, kind, within) else None
