"""Reads `depends_on`: expands its names to instances, and reports unknown names and cycles."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from labctl.core.lifecycle import Stage
from labctl.core.record import record, replace
from labctl.labfile.model import Dependency, Vm
from labctl.labfile.problems import Problems, did_you_mean
from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labctl.labfile.problems import Hint

__all__ = ["DependencyTargets", "resolve_dependencies"]

_ORDER = list(Stage)
_MOST = 200_000  # pairs of instances that one of them waits for the other


@record
class DependencyTargets:
    """The names that `depends_on` may have: VMs (`bases`) and groups, each with its instances."""

    bases: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[str]]

    def of(self, name: str, vm: Vm, instances: Mapping[str, Vm]) -> Iterable[str] | None:
        """List the instances that `vm` waits for by this name; None where the name is unknown."""
        found = self.members(name, instances)
        if found is None or name in self.bases or name in instances:
            return found
        return (each for each in found if each != vm.name)  # a member waits for the others

    def members(self, name: str, instances: Mapping[str, Vm]) -> Iterable[str] | None:
        """List the instances of this name: a VM, one of its instances, or a group; None where it is unknown."""
        if name in self.bases:
            return self.bases[name]
        return (name,) if name in instances else self.groups.get(name)


def resolve_dependencies(
    vms: Sequence[Vm], trees: Sequence[Map], targets: DependencyTargets, problems: Problems
) -> tuple[Vm, ...]:
    """Give the VMs with their dependencies. `trees` are their merged layers, in the same order."""
    instances = {vm.name: vm for vm in vms}
    connected, places, links = [], {}, 0
    for vm, tree in zip(vms, trees, strict=True):
        written = tree.get("depends_on")
        if not written:
            connected.append(vm)
            continue
        places[vm.name] = tree
        found: dict[str, Stage] = {}
        for key, name in enumerate(written):
            stage = Stage(written[name]) if isinstance(written, Map) else Stage.READY
            expanded = targets.of(name, vm, instances)
            if expanded is None:
                known = chain(targets.bases, instances, targets.groups)
                _report_unknown(written, key, name, partial(did_you_mean, name, known), problems)
                continue
            links += len(members := list(expanded))
            if links > _MOST:
                problems.at_key(tree, "depends_on", f"the lab has more than {_MOST:,} dependencies")
                return tuple(vms)
            for each in members:
                found[each] = max(found.get(each, stage), stage, key=_ORDER.index)
            off = [each for each in members if instances[each].state == "off"]
            if (
                off and stage is not Stage.CREATED and vm.state != "off"
            ):  # a VM that stays off waits for nothing
                summary = f"{off[0]} is never {stage}: its state is off"
                hint = f"write {{{name}: created}}, or leave it out"
                problems.at(written, name if isinstance(written, Map) else key, summary, hint)
        connected.append(
            replace(vm, depends_on=tuple(Dependency(each, stage) for each, stage in found.items()))
        )
    _report_cycles(connected, places, problems)
    return tuple(connected)


def _report_unknown(written: Map | Seq, index: int, name: str, hint: Hint, problems: Problems) -> None:
    summary = f"there is no VM or group {name}"
    if isinstance(written, Map):
        problems.at_key(written, name, summary, hint)
    else:
        problems.at(written, index, summary, hint)


def _report_cycles(vms: Sequence[Vm], places: Mapping[str, Map], problems: Problems) -> None:
    """Report each cycle once, at the VM in it that comes first in the file.

    Dependencies on the stage `created` can't make a cycle, since creation itself waits for no other VM.
    """
    needs = {vm.name: [each.vm for each in vm.depends_on if each.stage is not Stage.CREATED] for vm in vms}
    bases = {vm.name: vm.base for vm in vms}
    done: set[str] = set()
    reported: set[frozenset[str]] = set()
    for start in list(needs):
        trail: dict[str, None] = {}
        stack = [(start, iter(needs[start]))]
        while stack and start not in done:
            name, ahead = stack[-1]
            trail[name] = None
            following = next((each for each in ahead if each not in done), None)
            if following is None:
                stack.pop()
                trail.pop(name)
                done.add(name)
            elif following in trail:
                path = list(trail)
                cycle = path[path.index(following) :]
                if (members := frozenset(bases[each] for each in cycle)) not in reported:
                    reported.add(members)
                    around = " → ".join([*cycle, cycle[0]])
                    problems.at_key(
                        places[cycle[0]], "depends_on", f"VMs can't wait for each other: {around}"
                    )
            else:
                stack.append((following, iter(needs[following])))
