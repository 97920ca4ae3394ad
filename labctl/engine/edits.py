"""Applies the Labfile's `xml:` to the XML of the wanted objects, before anything is changed. Pure."""

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


def check_xml_edits(lab: LabModel, specs: Iterable[Spec]) -> list[Problem]:
    """Give the problems of all edits: paths that match nothing, and changes of names, UUIDs and metadata.

    A VM with `count` has each problem once.
    """
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
            return  # later edits may depend on this one
    try:
        spec.edited()
    except ValueError as error:
        why = f"libvirt's XML can't be read any more: {error}"
        yield Problem(why, f"{'.'.join(owner)}.xml", lab.where(*owner, "xml"))


def _identity(root: Element) -> list[str]:
    return [root.findtext(tag) or "" for tag in _OURS] + [
        xmltree.to_text(each).strip() for each in root.findall("metadata")
    ]


def with_xml_edits(spec: Spec) -> Spec:
    """The spec with its edits applied: changes by `xml:` are then not drift."""
    return spec.edited() if isinstance(spec, Marked) and spec.xml else spec
