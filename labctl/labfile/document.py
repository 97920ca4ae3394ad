"""One document on its way from what was read to what is valid: the user's own keys, `${…}`, the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.labfile import validate
from labctl.labfile.interpolate import Reference, Scope, fill
from labctl.labfile.placeholders import UNKNOWN
from labctl.labfile.yaml_tree import FieldPath, Map, Seq, copy_tree, remove_at, value_at, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labctl.labfile.problems import Problems

__all__ = ["interpolated", "valid_part", "without_extension_keys"]

_TRIES = 5  # taking a wrong field out may leave its parent wrong, but not for ever
_WITH_INSTANCES = frozenset({"defaults", "groups", "vms"})
# What takes the place of a wrong value, where its absence would be a second problem.
_STAND_INS = {"labfile": 1, "name": "lab", "image": "debian-12", "count": 1}
_LITERAL = frozenset({"labfile", "name", "parameters"})


def without_extension_keys(node: Any, path: FieldPath = ()) -> Any:
    """Leave the user's own `x-…` keys out; what lies deeper within `cloud_init` is cloud-init's."""
    if isinstance(node, Map):
        kept = {key: value for key, value in node.items() if not key.startswith("x-")}
        if path[-1:] != ("cloud_init",):
            kept = {key: without_extension_keys(value, (*path, key)) for key, value in kept.items()}
        return Map(node.mark, kept, node.marks)
    if isinstance(node, Seq):
        return Seq(node.mark, [without_extension_keys(value, path) for value in node], node.marks)
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
        within = key in _WITH_INSTANCES and isinstance(value, Map)
        scope = Scope(everything, problems, references, instance_names=within)
        if key in _LITERAL:
            continue
        if isinstance(value, str):
            tree[key] = fill(Map(top.mark, {key: value}, top.marks), scope)[key]
        elif key in {"vms", "groups"} and isinstance(value, Map):
            filled = {name: _vm(fields, scope) for name, fields in value.items()}
            tree[key] = Map(value.mark, filled, value.marks)
        elif isinstance(value, Map | Seq):
            tree[key] = fill(value, scope)
    return tree, references


def _vm(fields: Any, scope: Scope) -> Any:
    """Fill in a VM's or group's fields, but `instances`, which is literal."""
    if not isinstance(fields, Map):
        return fields
    if "instances" not in fields:
        return fill(fields, scope)
    literal = fields["instances"]
    rest = Map(fields.mark, {key: value for key, value in fields.items() if key != "instances"}, fields.marks)
    filled = fill(rest, scope)
    return Map(fields.mark, {**filled, "instances": literal}, fields.marks)


def valid_part(tree: Map, problems: Problems, name: str | None = None) -> Map | None:
    """Report what does not fit the schema (or its definition `name`), and give the rest, to be judged further.

    Values that hang on something unknown, which has been reported, are left out as well. None where nothing valid is
    left.
    """
    if not validate.is_valid(tree, name):
        from labctl.labfile import violations

        wrong = violations.find_violations(tree, name)
        violations.report_violations(wrong, tree, problems)
        tree = _without(tree, [each.path for each in wrong])
    if not len(problems):
        return tree
    tree = _without(
        tree, [path for path, _, value in walk(tree) if isinstance(value, str) and UNKNOWN in value]
    )
    return _pruned(tree, name)


def _pruned(tree: Map, name: str | None) -> Map | None:
    """Take out, without a word, what is wrong only because something in it was taken out."""
    for _ in range(_TRIES):
        if name is None:
            tree.setdefault("labfile", _STAND_INS["labfile"])
            tree.setdefault("name", _STAND_INS["name"])
        if validate.is_valid(tree, name):
            return tree
        from labctl.labfile import violations

        tree = copy_tree(tree)
        paths = [each.path for each in violations.find_violations(tree, name)]
        for path in sorted(filter(None, paths), key=_order, reverse=True):
            remove_at(tree, path)
    return None


def _without(tree: Map, paths: Iterable[FieldPath]) -> Map:
    """Copy a tree without the values at `paths`; where their absence would be a second problem, with stand-ins."""
    tree = copy_tree(tree)
    for path in sorted(filter(None, paths), key=_order, reverse=True):
        _drop(tree, path)
    return tree


def _drop(tree: Map, path: FieldPath) -> None:
    """Take a value out, or put a harmless one in its place."""
    holder = value_at(tree, path[:-1])
    if path[-1] in _STAND_INS and isinstance(holder, Map):
        holder[str(path[-1])] = _STAND_INS[str(path[-1])]
    else:
        remove_at(tree, path)


def _order(path: FieldPath) -> tuple[tuple[int, str], ...]:
    """Sort list indices as numbers, so that removing starts at the end."""
    return tuple((part, "") if isinstance(part, int) else (-1, part) for part in path)
