"""Whose a libvirt object is: labctl's mark says it, and where that or the name was changed, the UUID does.

UUIDs follow from the lab and the name (`core.identity`), and libvirt never changes the UUID of what exists. A copy of
one of ours, as `virt-clone` makes it, carries the mark too, but has a name and a UUID of its own: it is someone else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from labctl.core.identity import libvirt_name, object_uuid
from labctl.core.record import replace
from labctl.engine import reading
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from labctl.engine.reading import Foreign

S = TypeVar("S", VmSpec, NetworkSpec)


def own(lab: str, kind: type[S], text: str, read: tuple[Foreign, Any]) -> S | None:
    """The spec of what is the lab's, with what became of its name and mark; None of anything else.

    Args:
        lab: the lab.
        kind: the class of the spec.
        text: its XML.
        read: what `engine.reading` read in it.
    """
    foreign, spec = read
    if spec is None:
        return _unmarked(lab, kind, text, foreign)
    if spec.lab != lab:
        return None
    if foreign.name == spec.libvirt_name:
        return spec  # type: ignore[no-any-return]  # it is of that kind
    if foreign.uuid == object_uuid(lab, kind.kind, spec.name):
        return replace(spec, renamed=foreign.name)  # type: ignore[no-any-return]  # likewise
    return None


def _unmarked(lab: str, kind: type[S], text: str, foreign: Foreign) -> S | None:
    before = libvirt_name(lab, "")
    name = foreign.name.removeprefix(before)
    if name == foreign.name or foreign.uuid != object_uuid(lab, kind.kind, name):
        return None
    return reading.adopted(kind.kind, text, lab, name)  # type: ignore[no-any-return]  # of that kind
