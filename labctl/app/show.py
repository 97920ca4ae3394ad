"""Shows the Labfile as the lab is made from it. Nothing here looks at libvirt."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from labctl.core.record import record, replace
from labctl.core.redaction import MASK
from labctl.labfile.yaml_tree import path_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from labctl.app.session import Session
    from labctl.core.redaction import Redactor
    from labctl.labfile.resolved import Branch, Value

FORMAT = 1


@record
class Shown:
    """What the Labfile says at a path. `branches` are the parts that the path means, each with its values."""

    lab: str
    branches: tuple[tuple[Branch, tuple[Value, ...]], ...]

    def to_json(self) -> dict[str, Any]:
        """The shape of `schemas/show.schema.json`."""
        values = [_json(value) for _, values in self.branches for value in values]
        return {"format": FORMAT, "lab": self.lab, "values": values}


def show(session: Session, path: str = "") -> Shown:
    """The values at a path, as `vms.web.memory`; of the whole Labfile for an empty one. Secrets are masked.

    Raises:
        Rejected: the Labfile is wrong.
        UsageError: there is no such path.
    """
    loaded = session.loaded
    assert loaded.resolved is not None  # only what libvirt tells of a lab without a Labfile has none
    foreign = frozenset(map(os.path.realpath, loaded.lab.outside))
    found = loaded.resolved.branches(path)
    return Shown(
        loaded.lab.name,
        tuple((branch, tuple(_shown(branch, session.redactor, foreign))) for branch in found),
    )


def _shown(branch: Branch, redactor: Redactor, foreign: Collection[str]) -> Iterator[Value]:
    """The values as they may be seen. What a file from outside the Labfile's folder holds is not quoted."""
    for each in branch.values():
        if foreign and os.path.realpath(each.where.file) in foreign:
            yield replace(each, value="(in a file from outside the Labfile's folder)")
        elif isinstance(each.value, str):
            yield replace(each, value=redactor.in_text(each.value))
        elif isinstance(each.value, int | float) and redactor.is_in(each.value):
            yield replace(each, value=MASK)
        else:
            yield each


def _json(value: Value) -> dict[str, Any]:
    where = value.where
    return {
        "path": path_text(value.path),
        "value": value.value,
        "layer": value.layer or None,
        "file": where.file,
        "line": where.line,
        "column": where.column,
    }
