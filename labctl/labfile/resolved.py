"""The Labfile as the lab is made from it: layers merged, VMs counted, `${…}` filled in; each value knows its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from labctl.core.errors import UsageError
from labctl.core.record import record
from labctl.core.redaction import MASK
from labctl.labfile.placeholders import as_written
from labctl.labfile.problems import did_you_mean
from labctl.labfile.yaml_tree import Map, Seq, entries, entry_mark, key_position, path_text, value_position

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labctl.core.errors import Position
    from labctl.labfile.instances import Instance
    from labctl.labfile.model import Nic, Vm
    from labctl.labfile.parameters import Parameters
    from labctl.labfile.yaml_tree import FieldPath, Mark

__all__ = ["Branch", "Resolved", "Value"]

_HEAD = ("labfile", "name", "description", "warm")
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_COUNTED = ("ip", "ip6", "mac")  # fields of a NIC that count up with the instances of a VM


@record
class Value:
    """A value at a path, without anything below it: a scalar, or an empty map or list.

    `layer` is the path of the layer that it is from, as `defaults` or `groups.web`, or what gave a parameter its value;
    it is empty where there are no layers.
    """

    path: FieldPath
    value: Any
    layer: str
    where: Position


@record
class Branch:
    """A part of the Labfile: `path` leads to `node`, which is in `layer`; `mark` is the place of its entry."""

    path: FieldPath
    node: Any
    layer: str
    mark: Mark

    def values(self) -> Iterator[Value]:
        """All values below, in the order of the file; the branch itself if it is one."""
        if isinstance(self.node, Map | Seq) and self.node:
            for below in self.below():
                yield from below.values()
        else:
            position = key_position if isinstance(self.node, Map | Seq) else value_position
            yield Value(self.path, _plain(self.node), self.layer, position(self.mark))

    def below(self) -> Iterator[Branch]:
        """The entries of a map or list; nothing is below a scalar."""
        if isinstance(self.node, Map | Seq):
            for key, _ in entries(self.node):
                yield self.entry(key)

    def entry(self, key: str | int) -> Branch:
        layers: Any = self.node.layers
        layer = self.layer
        if layers is not None:
            layer = layers.get(key, layer) if isinstance(self.node, Map) else layers[key]
        return Branch((*self.path, key), self.node[key], layer, entry_mark(self.node, key))


@record
class Resolved:
    """A Labfile that was loaded. Its tree is made when someone asks for it."""

    top: Map
    instances: Sequence[Instance]
    vms: Sequence[Vm]
    groups: Mapping[str, Sequence[str]]
    parameters: Parameters

    def branches(self, path: str = "") -> list[Branch]:
        """What stands at a path, as `vms.web-1.memory`; a VM with `count` means all of its instances.

        Raises:
            UsageError: there is no such path; the nearest is named.
        """
        found = [Branch((), self._tree(), "", self.top.mark)]
        parts = [int(index) if index else name for index, name in _PART.findall(path)]
        while parts:
            found, parts = self._entered(found, parts)
        return found

    def _entered(
        self, branches: Sequence[Branch], parts: list[str | int]
    ) -> tuple[list[Branch], list[str | int]]:
        """Go one key further. Names may hold dots, so that several parts may be one key."""
        for length in range(len(parts), 0, -1):
            word = ".".join(map(str, parts[:length])) if length > 1 else parts[0]
            if found := [each.entry(key) for each in branches for key in self._keys(each, word)]:
                return found, parts[length:]
        asked = path_text((*branches[0].path, parts[0]))
        if asked == "defaults":
            hint = "each VM has what it is given by defaults: `labctl show vms`"
        else:
            known = [path_text(each.path) for branch in branches for each in branch.below()]
            hint = did_you_mean(asked, known)
        raise UsageError(f"the Labfile says nothing at {asked}", hint=hint)

    def _keys(self, branch: Branch, word: str | int) -> Sequence[str | int]:
        """The keys of a branch that a word stands for: itself, the name of an entry of a list, or a counted VM."""
        node = branch.node
        if isinstance(node, Map):
            if str(word) in node:
                return [str(word)]
            counted = [vm.name for vm in self.vms if vm.base == word] if branch.path == ("vms",) else []
            return [name for name in counted if name in node]
        if not isinstance(node, Seq):
            return []
        if str(word).isdecimal():
            return [int(word)] if int(word) < len(node) else []
        return [at for at, entry in enumerate(node) if word == _name(entry)][:1]

    def _tree(self) -> Map:
        top = self.top
        tree = Map(top.mark, {key: top[key] for key in _HEAD if key in top}, top.marks)
        sections = {
            "parameters": self._parameters(),
            "networks": top.get("networks"),
            "volumes": top.get("volumes"),
            "vms": self._vms(),
            "groups": self._groups(),
            "provision": top.get("provision"),
        }
        tree.update({key: section for key, section in sections.items() if section})
        return tree

    def _parameters(self) -> Map | None:
        declared = self.top.get("parameters")
        if not declared:
            return None
        values, marks, layers = {}, {}, {}
        for name, entry in declared.items():
            values[name] = MASK if name in self.parameters.secret else self.parameters.values[name]
            marks[name] = entry_mark(entry, "default") if "default" in entry else entry_mark(declared, name)
            if name in self.parameters.given:
                layers[name], place = self.parameters.given[name]
                if place:
                    marks[name] = (place.file, place.line, place.column, place.line, place.column)
        found = Map(declared.mark, values, marks)
        found.layers = layers
        return found

    def _vms(self) -> Map:
        written: Map = self.top.get("vms") or Map(self.top.mark)
        nics = {vm.name: {nic.name: nic for nic in vm.nics} for vm in self.vms}
        values, marks = {}, {}
        for each in self.instances:
            name = each.identity.name
            values[name] = _counted(each.tree, nics[name])
            marks[name] = entry_mark(written, each.identity.base)
        return Map(written.mark, values, marks)

    def _groups(self) -> Map | None:
        written = self.top.get("groups")
        if not written:
            return None
        marks = {name: entry_mark(written, name) for name in self.groups}
        members = {
            name: Seq(marks[name], list(names), [marks[name]] * len(names))
            for name, names in self.groups.items()
        }
        return Map(written.mark, members, marks)


def _counted(tree: Map, nics: Mapping[str, Nic]) -> Map:
    """The fields of an instance, whose addresses are counted up."""
    listed = tree.get("networks")
    if not isinstance(listed, Seq) or not any(isinstance(entry, Map) for entry in listed):
        return tree
    found = Map(
        tree.mark, {**tree, "networks": Seq(listed.mark, [_nic(each, nics) for each in listed])}, tree.marks
    )
    found["networks"].marks, found["networks"].layers, found.layers = listed.marks, listed.layers, tree.layers
    return found


def _nic(entry: Any, nics: Mapping[str, Nic]) -> Any:
    nic = nics.get(str(_name(entry)))
    if not isinstance(entry, Map) or nic is None:
        return entry
    own = {key: str(value) for key in _COUNTED if key in entry and (value := getattr(nic, key))}
    found = Map(entry.mark, {**entry, **own}, entry.marks)
    found.layers = entry.layers
    return found


def _plain(value: Any) -> Any:
    """A value as one of Python's own types, in which a reference looks as it is written."""
    if isinstance(value, Map | Seq):
        return {} if isinstance(value, Map) else []
    return as_written(str(value)) if isinstance(value, str) else value


def _name(entry: Any) -> Any:
    return entry.get("nic", entry.get("name")) if isinstance(entry, Map) else entry
