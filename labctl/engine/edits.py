"""The escape hatch `xml:`, tried on what would be rendered before anything is made. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core import xmltree
from labctl.core.errors import Problem
from labctl.core.record import replace
from labctl.kinds.network import xml as network_xml
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.core.spec import Spec
    from labctl.core.xmltree import Element
    from labctl.labfile.model import Lab

_OURS = ("name", "uuid")


def check(lab: Lab, specs: Iterable[Spec]) -> list[Problem]:
    """Give the edits that find nothing, or take away what says whose the object is; those of a counted VM once."""
    found: dict[Problem, None] = {}
    for spec in specs:
        if isinstance(spec, VmSpec) and spec.xml:
            found |= dict.fromkeys(_tried(lab, ("vms", spec.base), spec))
        elif isinstance(spec, NetworkSpec) and spec.xml:
            found |= dict.fromkeys(_tried(lab, ("networks", spec.name), spec))
    return list(found)


def _tried(lab: Lab, owner: tuple[str, str], spec: VmSpec | NetworkSpec) -> Iterator[Problem]:

    root = _xml(spec).render(replace(spec, xml=()))
    before = _identity(root)
    for index, edit in enumerate(spec.xml):
        why = ""
        try:
            xmltree.edit(root, [edit])
        except ValueError as error:
            why = str(error)
        if not why and _identity(root) != before:
            why = f"{edit[0]} is labctl's own: it says whose this is"
        if why:
            path = f"{'.'.join(owner)}.xml[{index}].at"
            yield Problem(why, path, lab.where(*owner, "xml", index, "at"))
            return  # the edits after it may be meant for what it leaves


def _xml(spec: VmSpec | NetworkSpec) -> Any:
    """The module that renders it."""
    return vm_xml if isinstance(spec, VmSpec) else network_xml


def _identity(root: Element) -> list[str]:
    return [root.findtext(tag) or "" for tag in _OURS] + [
        xmltree.to_text(each).strip() for each in root.findall("metadata")
    ]


def effective(spec: Spec) -> Spec:
    """The spec as it is once its edits were applied, so that what they changed is no drift."""
    if isinstance(spec, VmSpec | NetworkSpec) and spec.xml:
        edited: Spec = _xml(spec).effective(spec)
        return edited
    return spec
