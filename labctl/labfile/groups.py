"""Which groups hold which VM, and in what order they count."""

from __future__ import annotations

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
    """The groups of a Labfile, judged once; `known` are their names, also of those whose fields are wrong.

    `children` may name groups, VMs as written and single instances; one beyond the count is ignored, as `instances`
    ignores it. A VM of the same name as a group is that group's own child when the group names it; so
    `groups: {web: {children: [web]}}` is no cycle.
    """

    def __init__(
        self, groups: Map, known: Collection[str], vms: Collection[str], roster: InstanceNames
    ) -> None:
        self.groups = groups
        self._known = known
        self._problems = problems = roster.problems
        self._parents: dict[str, list[str]] = {}  # group → groups that hold it
        self._holders: dict[str, list[str]] = {}  # VM or instance → groups whose children name it
        machines = {*vms, *roster.bases}
        for name, fields in groups.items():
            reserved_names.report("group", name, groups, name, problems)
            children = self._names(fields, "children")
            for index, child in enumerate(children):
                if child in machines:
                    self._holders.setdefault(child, []).append(name)
                if child in groups and child != name:
                    self._parents.setdefault(child, []).append(name)
                elif child not in machines and child not in known and not roster.beyond(child, list(vms)):
                    hint = did_you_mean(child, [*machines, *known])
                    problems.at(children, index, f"there is no VM or group {child}", hint)
        self._order = {name: place for place, name in enumerate(self._outer_first(problems))}

    def check(self, fields: Map) -> None:
        """Report the groups that a VM names and that do not exist."""
        named = self._names(fields, "groups")
        for index, name in enumerate(named):
            if name not in self._known:
                hint = did_you_mean(name, self._known, "write it under groups")
                self._problems.at(named, index, f"there is no group {name}", hint)

    def _names(self, fields: Map, key: str) -> Seq:
        """Give a list of names; one that hangs on an instance's name, which is made later, is reported."""
        written = fields.get(key) or Seq(fields.mark)
        late = [written] if isinstance(written, str) else [each for each in written if PLACEHOLDER in each]
        if not late:
            return written
        self._problems.at(fields, key, f"{key} can't depend on an instance's name")
        return Seq(fields.mark)

    def of(self, names: tuple[str, str], named: list[str]) -> list[str]:
        """List the groups that hold an instance, weakest first: through `children` outer first, then those it names.

        `names` are that of its VM as written and its own; `children` may hold either.
        """
        own = [name for name in dict.fromkeys(named) if name in self.groups]
        seen: set[str] = set()
        ahead = [
            *(holder for name in names for holder in self._holders.get(name, ())),
            *(parent for name in own for parent in self._parents.get(name, ())),
        ]
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += self._parents.get(name, ())
        return [*sorted(seen - set(own), key=self._order.__getitem__), *own]

    def _outer_first(self, problems: Problems) -> list[str]:
        """Order groups so that each stands after all that hold it, else as in the file; reports cycles."""
        done: dict[str, None] = {}
        for start in self.groups:
            trail: list[str] = []
            stack = [(start, iter(self._parents.get(start, ())))]
            while stack and start not in done:
                name, parents = stack[-1]
                if name not in trail:
                    trail.append(name)
                parent = next((each for each in parents if each not in done), None)
                if parent is None:
                    stack.pop()
                    trail.pop()
                    done[name] = None
                elif parent in trail:
                    self._cycle([*trail[trail.index(parent) :]], problems)
                else:
                    stack.append((parent, iter(self._parents.get(parent, ()))))
        return list(done)

    def _cycle(self, inner_first: list[str], problems: Problems) -> None:
        """Tell a cycle once, from the group that stands first in the file."""
        places = list(self.groups)
        around = inner_first[::-1]
        first = min(range(len(around)), key=lambda index: places.index(around[index]))
        cycle = [*around[first:], *around[:first], around[first]]
        holder = self.groups[cycle[0]]
        problems.at(holder, "children", f"groups can't hold each other: {' → '.join(cycle)}")
