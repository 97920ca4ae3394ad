"""The escape hatch `xml:`, tried on what would be rendered before anything is made. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import xmltree
from labctl.core.errors import Problem
from labctl.core.marked import Marked
from labctl.core.spec import of_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.core.spec import Spec
    from labctl.core.xmltree import Element
    from labctl.labfile.model import LabModel

_OURS = ("name", "uuid")


def check(lab: LabModel, specs: Iterable[Spec]) -> list[Problem]:
    """Give the edits that find nothing, or take away what says whose the object is; those of a counted VM once."""
    found: dict[Problem, None] = {}
    for spec in of_kind(specs, Marked):
        if spec.xml:
            found |= dict.fromkeys(_tried(lab, spec))
    return list(found)


def _tried(lab: LabModel, spec: Marked) -> Iterator[Problem]:
    root, owner = spec.rendered(), spec.written
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


def _identity(root: Element) -> list[str]:
    return [root.findtext(tag) or "" for tag in _OURS] + [
        xmltree.to_text(each).strip() for each in root.findall("metadata")
    ]


def effective(spec: Spec) -> Spec:
    """The spec as it is once its edits were applied, so that what they changed is no drift."""
    return spec.edited() if isinstance(spec, Marked) and spec.xml else spec
