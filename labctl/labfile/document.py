"""Takes a tree from the YAML reader to its valid part: removes `x-…` keys, fills in `${…}`, checks the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import replace
from labctl.labfile import validate
from labctl.labfile.interpolate import Reference, Scope, fill
from labctl.labfile.placeholders import UNKNOWN, placeholder
from labctl.labfile.yaml_tree import FieldPath, Map, Seq, copy_tree, remove_at, value_at, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.labfile.parameters import Parameters
    from labctl.labfile.problems import Problems
    from labctl.labfile.violations import Violation

__all__ = ["interpolated", "valid_part", "without_extension_keys"]

_TRIES = 5  # removing a wrong field may make its parent wrong, and so on up; no field is nested deeper
_WITH_INSTANCES = frozenset({"defaults", "groups", "vms"})
# Values that replace a wrong one where its absence would be a second problem, or hide others beside it.
# That of a target is a reference: nothing is said of its value before it is filled in.
_SUBSTITUTES = {
    "labfile": 1,
    "name": "lab",
    "image": "debian-12",
    "count": 1,
    "target": f"/{placeholder('vms.unknown')}",
}
_LITERAL = frozenset({"labfile", "name", "parameters"})


def without_extension_keys(node: Any, path: FieldPath = ()) -> Any:
    """Copy a tree without the user's own `x-…` keys. Below the top of a `cloud_init` all keys are cloud-init's."""
    if isinstance(node, Map):
        kept = {key: value for key, value in node.items() if not key.startswith("x-")}
        if path[-1:] != ("cloud_init",):
            kept = {key: without_extension_keys(value, (*path, key)) for key, value in kept.items()}
        return Map(node.mark, kept, node.marks)
    if isinstance(node, Seq):
        return Seq(node.mark, [without_extension_keys(value, path) for value in node], node.marks)
    return node


def interpolated(top: Map, parameters: Parameters, problems: Problems) -> tuple[Map, list[Reference]]:
    """Fill in parameters and the lab's name. Gives the new tree, and the references to values of VMs and networks."""
    references: list[Reference] = []
    tree = Map(top.mark, dict(top), top.marks)
    scope = Scope(parameters.values, problems, secrets=parameters.secret, references=references)
    if "name" in top:
        named = Map(top.mark, {"name": top["name"]}, top.marks)
        tree["name"] = fill(named, scope)["name"]
    everything = {**parameters.values, "lab": tree.get("name")}
    for key, value in top.items():
        within = key in _WITH_INSTANCES and isinstance(value, Map)
        scope = replace(scope, values=everything, path=(key,), instance_names=within)
        if key in _LITERAL:
            continue
        if isinstance(value, str):
            tree[key] = fill(Map(top.mark, {key: value}, top.marks), replace(scope, path=()))[key]
        elif key in {"vms", "groups"} and isinstance(value, Map):
            vms = {name: _vm(fields, replace(scope, path=(key, name))) for name, fields in value.items()}
            tree[key] = Map(value.mark, vms, value.marks)
        elif isinstance(value, Map | Seq):
            tree[key] = fill(value, scope)
    return tree, references


def _vm(fields: Any, scope: Scope) -> Any:
    """Fill in the fields of a VM or group, but not in `instances`, which is literal."""
    if not isinstance(fields, Map):
        return fields
    if "instances" not in fields:
        return fill(fields, scope)
    literal = fields["instances"]
    rest = Map(fields.mark, {key: value for key, value in fields.items() if key != "instances"}, fields.marks)
    filled = fill(rest, scope)
    return Map(fields.mark, {**filled, "instances": literal}, fields.marks)


def valid_part(tree: Map, problems: Problems, name: str | None = None) -> Map | None:
    """Report the values that don't fit the schema, or its definition `name`, and give the tree without them.

    Values that contain an unknown `${…}`, which has been reported, are left out as well. The result is None where
    nothing valid remains.
    """
    if not validate.is_valid(tree, name):
        from labctl.labfile import violations  # imports jsonschema

        wrong = violations.find_violations(tree, name)
        violations.report_violations(wrong, tree, problems)
        tree = _mended(tree, wrong)
    if not len(problems):
        return tree
    tree = _without(
        tree, [path for path, _, value in walk(tree) if isinstance(value, str) and UNKNOWN in value]
    )
    return _pruned(tree, name)


def _pruned(tree: Map, name: str | None) -> Map | None:
    """Remove the values that are wrong only because something in them was removed; they are not reported."""
    for _ in range(_TRIES):
        if name is None:
            tree.setdefault("labfile", _SUBSTITUTES["labfile"])
            tree.setdefault("name", _SUBSTITUTES["name"])
        if validate.is_valid(tree, name):
            return tree
        from labctl.labfile import violations  # imports jsonschema

        tree = _mended(tree, violations.find_violations(tree, name))
    return None


def _mended(tree: Map, wrong: Iterable[Violation]) -> Map:
    """Copy a tree without what is wrong in it. A map that lacks nothing but its target stays, with a substitute."""
    aimless = [each for each in wrong if each.missing == ("target",)]
    tree = _without(tree, [each.path for each in wrong if each.missing != ("target",)])
    for each in aimless:
        holder = value_at(tree, each.path)
        if isinstance(holder, Map):
            holder["target"] = _SUBSTITUTES["target"]
    return tree


def _without(tree: Map, paths: Iterable[FieldPath]) -> Map:
    """Copy a tree without the values at `paths`, or with their substitutes."""
    tree = copy_tree(tree)
    for path in sorted(filter(None, paths), key=_order, reverse=True):
        holder = value_at(tree, path[:-1])
        if path[-1] in _SUBSTITUTES and isinstance(holder, Map):
            holder[str(path[-1])] = _SUBSTITUTES[str(path[-1])]
        else:
            remove_at(tree, path)
    return tree


def _order(path: FieldPath) -> tuple[tuple[int, str], ...]:
    """A sort key by which list indices are numbers: removing then starts at the end of a list."""
    return tuple((part, "") if isinstance(part, int) else (-1, part) for part in path)
