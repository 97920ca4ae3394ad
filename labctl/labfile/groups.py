"""Finds the groups that each VM belongs to, in the order of their layers."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from labctl.labfile import reserved_names
from labctl.labfile.placeholders import PLACEHOLDER
from labctl.labfile.problems import Problems, did_you_mean
from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.labfile.instance_names import InstanceNames

__all__ = ["Membership"]


class Membership:
    """The groups of a Labfile and their members. `known` are the names of all groups, also of those with wrong fields.

    `children` may name groups, VMs (with all their instances) and single instances. An instance beyond the VM's `count`
    is ignored, as in `instances`. Where a group and a VM have the same name, the group's own `children` mean the VM, so
    `groups: {web: {children: [web]}}` is no cycle.
    """

    def __init__(
        self, groups: Map, known: Collection[str], vms: Collection[str], instances: InstanceNames
    ) -> None:
        self.groups = groups
        self._known = known
        self._problems = problems = instances.problems
        self._parents: dict[str, list[str]] = {}  # group → groups that name it in `children`
        self._holders: dict[str, list[str]] = {}  # VM or instance → groups that name it in `children`
        self._lists: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}  # as `of` answered before
        machines = {*vms, *instances.vm_of}
        for name, fields in groups.items():
            reserved_names.report("group", name, groups, name, problems)
            children = self._names(fields, "children")
            for index, child in enumerate(children):
                if child in machines:
                    self._holders.setdefault(child, []).append(name)
                if child in groups and child != name:
                    self._parents.setdefault(child, []).append(name)
                elif child not in machines and child not in known and not instances.exceeds_count(child, vms):
                    hint = partial(did_you_mean, child, chain(machines, known))
                    problems.at(children, index, f"there is no VM or group {child}", hint)
        self._order = {name: index for index, name in enumerate(self._outer_first(problems))}

    def check(self, fields: Map) -> None:
        """Report unknown groups in a VM's field `groups`."""
        named = self._names(fields, "groups")
        for index, name in enumerate(named):
            if name not in self._known:
                hint = partial(did_you_mean, name, self._known, "write it under groups")
                self._problems.at(named, index, f"there is no group {name}", hint)

    def _names(self, fields: Map, key: str) -> Seq:
        """Give the list of names at `key`. One that depends on an instance's name, not known yet, is reported."""
        written = fields.get(key) or Seq(fields.mark)
        late = [written] if isinstance(written, str) else [each for each in written if PLACEHOLDER in each]
        if not late:
            return written
        self._problems.at(fields, key, f"{key} can't depend on an instance's name")
        return Seq(fields.mark)

    def of(self, names: tuple[str, str], named: list[str]) -> list[str]:
        """List the groups of an instance, weakest layer first.

        The groups that hold it through `children` come first, outer groups before inner ones, then those that the field
        `groups` (`named`) has. `names` are the names of the VM and of the instance; `children` may have either.
        """
        own = tuple(name for name in dict.fromkeys(named) if name in self.groups)
        holders = tuple(holder for name in names for holder in self._holders.get(name, ()))
        if (holders, own) not in self._lists:  # most instances of a VM have the same
            self._lists[holders, own] = self._all_of(holders, own)
        return self._lists[holders, own]

    def _all_of(self, holders: tuple[str, ...], own: tuple[str, ...]) -> list[str]:
        seen: set[str] = set()
        ahead = [*holders, *(parent for name in own for parent in self._parents.get(name, ()))]
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += self._parents.get(name, ())
        return [*sorted(seen - set(own), key=self._order.__getitem__), *own]

    def _outer_first(self, problems: Problems) -> list[str]:
        """Order groups so that each comes after all groups that hold it, else as in the file. Cycles are reported."""
        done: dict[str, None] = {}
        for start in self.groups:
            trail: dict[str, None] = {}
            stack = [(start, iter(self._parents.get(start, ())))]
            while stack and start not in done:
                name, parents = stack[-1]
                trail.setdefault(name)
                parent = next((each for each in parents if each not in done), None)
                if parent is None:
                    stack.pop()
                    trail.popitem()
                    done[name] = None
                elif parent in trail:
                    around = list(trail)
                    self._cycle(around[around.index(parent) :], problems)
                else:
                    stack.append((parent, iter(self._parents.get(parent, ()))))
        return list(done)

    def _cycle(self, inner_first: list[str], problems: Problems) -> None:
        """Report a cycle, starting with the group that comes first in the file."""
        in_file = list(self.groups)
        around = inner_first[::-1]
        first = min(range(len(around)), key=lambda index: in_file.index(around[index]))
        cycle = [*around[first:], *around[:first], around[first]]
        holder = self.groups[cycle[0]]
        problems.at(holder, "children", f"groups can't hold each other: {' → '.join(cycle)}")
