"""Makes instances of the VMs as written: each one's layers as one map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import field, record
from labctl.labfile.document import valid_part
from labctl.labfile.interpolate import fill_instance, tree_has_instance_placeholder
from labctl.labfile.layers import merge_layers
from labctl.labfile.vms import InstanceIdentity
from labctl.labfile.yaml_tree import Map

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.labfile.cloud_config_files import CloudConfigFiles
    from labctl.labfile.context import ReadContext
    from labctl.labfile.groups import Membership
    from labctl.labfile.instance_names import InstanceName, InstanceNames
    from labctl.labfile.problems import Problems

__all__ = ["Instance", "InstanceExpander", "expand"]

_VM_ONLY = frozenset({"count", "first", "names", "instances", "groups", "children"})


@record
class Instance:
    """One VM to be: who it is, and its layers as one map."""

    who: InstanceIdentity
    tree: Map


@record(frozen=False)
class InstanceExpander:
    """Expands all VMs of a Labfile."""

    defaults: Map
    roster: InstanceNames
    membership: Membership
    configs: CloudConfigFiles
    context: ReadContext
    # by the layer's id; all layers live as long as this
    _cleaned: dict[int, Map] = field(default_factory=dict)
    _late: dict[int, bool] = field(default_factory=dict)

    @property
    def problems(self) -> Problems:
        """What is found goes where the context's own problems go."""
        return self.context.problems

    def of(self, base: str) -> Iterator[Instance]:
        """Give the instances of one VM as written."""
        written: Map = self.roster.vms[base]
        # by groups; no tree where an instance's name is in it: they differ by these two and `instances`
        laid: dict[tuple[str, ...], tuple[list[Map], Map | None]] = {}
        for slot in self.roster.slots[base]:
            self.problems.repeated = repeated = slot.offset > 0
            special = (written.get("instances") or {}).get(str(slot.index)) or Map(written.mark)
            groups = self._groups(base, slot, special)
            if groups not in laid:
                layers = [self.defaults, *(self.membership.groups[name] for name in groups), written]
                own = [self._fields(layer) for layer in layers]
                laid[groups] = own, None if any(map(self._is_late, own)) else self._laid(own)
            own, tree = laid[groups]
            if tree is None:
                values = {"base": base, "name": slot.name}
                tree = self._late_tree(own, values | ({} if slot.index is None else {"index": slot.index}))
            if special:
                tree = merge_layers([tree, self.configs.include(self._fields(special))])
            offset = 0 if "networks" in special else slot.offset  # literal values don't count
            yield Instance(InstanceIdentity(slot.name, base, slot.index, offset, groups, repeated), tree)
        self.problems.repeated = False

    def _groups(self, base: str, slot: InstanceName, special: Map) -> tuple[str, ...]:
        """The groups of an instance; those that it names replace those that its VM names, as any list does."""
        written = self.roster.vms[base]
        named = next((each["groups"] for each in (special, written, self.defaults) if "groups" in each), None)
        return tuple(self.membership.of((base, slot.name), list(named or ())))

    def _fields(self, layer: Map) -> Map:
        """Leave out what is not a field of an instance (kept by layer: `defaults` serves every VM)."""
        if not layer.keys() & _VM_ONLY:
            return layer
        if id(layer) not in self._cleaned:
            kept = {key: value for key, value in layer.items() if key not in _VM_ONLY}
            self._cleaned[id(layer)] = Map(layer.mark, kept, layer.marks)
        return self._cleaned[id(layer)]

    def _is_late(self, layer: Map) -> bool:
        if id(layer) not in self._late:
            self._late[id(layer)] = tree_has_instance_placeholder(layer)
        return self._late[id(layer)]

    def _laid(self, layers: list[Map]) -> Map:
        return merge_layers(self.configs.include(layer) for layer in layers if layer)

    def _late_tree(self, layers: list[Map], values: dict[str, Any]) -> Map:
        """Fill an instance's names into its layers; only now their types are final."""
        filled = [fill_instance(layer, values, self.problems) for layer in layers]
        sound_ones = (valid_part(layer, self.problems, "instance") for layer in filled)
        return self._laid([layer for layer in sound_ones if layer is not None])


def expand(expansion: InstanceExpander) -> list[Instance]:
    """Give all instances, in the order of the file."""
    return [each for base in expansion.roster.slots for each in expansion.of(base)]
