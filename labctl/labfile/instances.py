"""Expands each VM of the Labfile to its instances, and merges the layers of each instance."""

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

__all__ = ["Instance", "InstanceExpander"]

Layer = tuple[str, Map]  # with its name, as `groups.web`
_VM_ONLY = frozenset({"count", "first", "names", "instances", "groups", "children"})


@record
class Instance:
    """One instance, with its merged layers."""

    identity: InstanceIdentity
    tree: Map


@record(frozen=False)
class InstanceExpander:
    """Expands all VMs of a Labfile."""

    defaults: Map
    names: InstanceNames
    membership: Membership
    configs: CloudConfigFiles
    context: ReadContext
    # Results by the id() of a layer. Layers serve many instances, and live as long as this object.
    _cleaned: dict[int, Map] = field(default_factory=dict)
    _with_placeholders: dict[int, bool] = field(default_factory=dict)

    @property
    def problems(self) -> Problems:
        return self.context.problems

    def all_instances(self) -> list[Instance]:
        """Expand all VMs, in the order of the file."""
        return [each for base in self.names.by_vm for each in self._instances_of(base)]

    def _instances_of(self, base: str) -> Iterator[Instance]:
        written: Map = self.names.vms[base]
        # Instances with the same groups have the same layers, but for `instances`. So layers are merged once for each
        # tuple of groups, unless they hold placeholders for an instance's name: then the merged tree is None here.
        merged: dict[tuple[str, ...], tuple[list[Layer], Map | None]] = {}
        for instance in self.names.by_vm[base]:
            self.problems.repeated = repeated = instance.offset > 0
            special = (written.get("instances") or {}).get(str(instance.index)) or Map(written.mark)
            groups = self._groups(base, instance, special)
            if groups not in merged:
                own = self._layers(groups, base)
                late = any(self._has_placeholder(layer) for _, layer in own)
                merged[groups] = own, None if late else self._merged(own)
            own, tree = merged[groups]
            if tree is None:
                values = {"base": base, "name": instance.name}
                index = {} if instance.index is None else {"index": instance.index}
                tree = self._filled_tree(own, values | index)
            if special:
                name = f"vms.{base}.instances.{instance.index}"
                tree = merge_layers([("", tree), (name, self.configs.include(self._fields(special)))])
            # addresses in `instances` are meant for this instance as they are written
            offset = 0 if "networks" in special else instance.offset
            identity = InstanceIdentity(
                instance.name,
                base,
                instance.index,
                offset,
                groups,
                repeated,
                position=instance.offset,
                literal_forwards=len(special.get("forwards") or ()),
            )
            yield Instance(identity, tree)
        self.problems.repeated = False

    def _groups(self, base: str, instance: InstanceName, special: Map) -> tuple[str, ...]:
        """The groups of an instance. As with any list, its own field `groups` replaces that of weaker layers."""
        written = self.names.vms[base]
        named = next((each["groups"] for each in (special, written, self.defaults) if "groups" in each), None)
        return tuple(self.membership.of((base, instance.name), list(named or ())))

    def _layers(self, groups: tuple[str, ...], base: str) -> list[Layer]:
        """The layers of the VM `base` in these groups, but for `instances`."""
        own = [
            ("defaults", self.defaults),
            *((f"groups.{name}", self.membership.groups[name]) for name in groups),
            (f"vms.{base}", self.names.vms[base]),
        ]
        return [(name, self._fields(layer)) for name, layer in own]

    def _fields(self, layer: Map) -> Map:
        """Copy a layer without the fields that are not those of an instance."""
        if not layer.keys() & _VM_ONLY:
            return layer
        if id(layer) not in self._cleaned:
            kept = {key: value for key, value in layer.items() if key not in _VM_ONLY}
            self._cleaned[id(layer)] = Map(layer.mark, kept, layer.marks)
        return self._cleaned[id(layer)]

    def _has_placeholder(self, layer: Map) -> bool:
        if id(layer) not in self._with_placeholders:
            self._with_placeholders[id(layer)] = tree_has_instance_placeholder(layer)
        return self._with_placeholders[id(layer)]

    def _merged(self, layers: list[Layer]) -> Map:
        return merge_layers((name, self.configs.include(layer)) for name, layer in layers if layer)

    def _filled_tree(self, layers: list[Layer], values: dict[str, Any]) -> Map:
        """Fill an instance's names into its layers, check these again with the final values, and merge them."""
        filled = [
            (name, fill_instance(layer, values, self.problems, self.context.budget)) for name, layer in layers
        ]
        sound_ones = ((name, valid_part(layer, self.problems, "instance")) for name, layer in filled)
        return self._merged([(name, layer) for name, layer in sound_ones if layer is not None])
