"""One document on its way from what was read to what is valid: the user's own keys, `${…}`, the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.labfile import validate
from labctl.labfile.interpolate import Reference, Scope, fill
from labctl.labfile.markers import UNKNOWN
from labctl.labfile.tree import Map, Path, Seq, at, copy, remove, walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.labfile.problems import Problems

__all__ = ["interpolated", "sound", "without_own_keys", "without_unknown"]

_TRIES = 5  # taking a wrong field out may leave its parent wrong, but not for ever
_WITH_INSTANCES = frozenset({"defaults", "groups", "vms"})
# What takes the place of a wrong value, where its absence would be a second problem.
_STAND_INS = {"labfile": 1, "name": "lab", "image": "debian-12", "count": 1}
_LITERAL = frozenset({"labfile", "name", "parameters"})


def without_own_keys(node: Any, path: Path = ()) -> Any:
    """Leave the user's own `x-…` keys out; what lies deeper within `cloud_init` is cloud-init's."""
    if isinstance(node, Map):
        kept = {key: value for key, value in node.items() if not key.startswith("x-")}
        if path[-1:] != ("cloud_init",):
            kept = {key: without_own_keys(value, (*path, key)) for key, value in kept.items()}
        return Map(node.mark, kept, node.marks)
    if isinstance(node, Seq):
        return Seq(node.mark, [without_own_keys(value, path) for value in node], node.marks)
    return node


def interpolated(top: Map, values: Mapping[str, Any], problems: Problems) -> tuple[Map, list[Reference]]:
    """Fill in the parameters and the lab's name; give the references that wait for addresses."""
    references: list[Reference] = []
    tree = Map(top.mark, dict(top), top.marks)
    if "name" in top:
        named = Map(top.mark, {"name": top["name"]}, top.marks)
        tree["name"] = fill(named, Scope(values, problems))["name"]
    everything = {**values, "lab": tree.get("name")}
    for key, value in top.items():
        scope = Scope(everything, problems, references, instance_names=key in _WITH_INSTANCES)
        if key in _LITERAL:
            continue
        if isinstance(value, str):
            tree[key] = fill(Map(top.mark, {key: value}, top.marks), scope)[key]
        elif key == "vms" and isinstance(value, Map):
            filled = {name: _vm(fields, scope) for name, fields in value.items()}
            tree[key] = Map(value.mark, filled, value.marks)
        elif isinstance(value, Map | Seq):
            tree[key] = fill(value, scope)
    return tree, references


def _vm(fields: Any, scope: Scope) -> Any:
    """Fill in a VM's fields, but `instances`, which is literal."""
    if not isinstance(fields, Map):
        return fields
    if "instances" not in fields:
        return fill(fields, scope)
    literal = fields["instances"]
    rest = Map(fields.mark, {key: value for key, value in fields.items() if key != "instances"}, fields.marks)
    filled = fill(rest, scope)
    return Map(fields.mark, {**filled, "instances": literal}, fields.marks)


def sound(tree: Map, problems: Problems) -> Map | None:
    """Report what does not fit the schema, and give the rest, so that it can be judged further.

    None where taking out what is wrong leaves nothing valid.
    """
    if len(problems):
        tree = without_unknown(tree)
    if validate.is_valid(tree):
        return tree
    from labctl.labfile import explain

    tree = copy(tree)
    for attempt in range(_TRIES):
        wrong = explain.violations(tree)
        if not wrong:
            return tree
        if attempt == 0:
            explain.report(wrong, tree, problems)
        for each in sorted(wrong, key=lambda found: _order(found.path), reverse=True):
            if each.path:
                _drop(tree, each.path, stand_in=attempt == 0)
        for key in ("labfile", "name"):
            tree.setdefault(key, _STAND_INS[key])
    return None


def without_unknown(tree: Map) -> Map:
    """Leave out the values that hang on something unknown, which has been reported."""
    unknown = [path for path, _, value in walk(tree) if isinstance(value, str) and UNKNOWN in value]
    if not unknown:
        return tree
    tree = copy(tree)
    for path in sorted(unknown, key=_order, reverse=True):
        _drop(tree, path, stand_in=True)
    return tree


def _drop(tree: Map, path: Path, *, stand_in: bool) -> None:
    """Take a value out, or put a harmless one in its place."""
    holder = at(tree, path[:-1])
    if stand_in and path[-1] in _STAND_INS and isinstance(holder, Map):
        holder[str(path[-1])] = _STAND_INS[str(path[-1])]
    else:
        remove(tree, path)


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    """Sort list indices as numbers, so that removing starts at the end."""
    return tuple((part, "") if isinstance(part, int) else (-1, part) for part in path)
