"""Makes instances of the VMs as written: layers, `count`, names."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from labctl.core.record import field, record
from labctl.labfile import validate
from labctl.labfile.document import sound
from labctl.labfile.interpolate import fill_instance, has_late
from labctl.labfile.layers import CloudConfigs, lay
from labctl.labfile.markers import MARK
from labctl.labfile.tree import Map
from labctl.labfile.vms import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.labfile.disks import Site
    from labctl.labfile.groups import Membership
    from labctl.labfile.problems import Problems

__all__ = ["Expansion", "Instance", "expand"]

_MOST = 10_000  # VMs of a lab; each costs memory before anything else could refuse it
_VM_ONLY = frozenset({"count", "first", "names", "instances", "groups", "children"})


@record
class Instance:
    """One VM to be: who it is, and its layers as one map."""

    who: Identity
    tree: Map


@record(frozen=False)
class Expansion:
    """Expands all VMs of a Labfile."""

    defaults: Map
    vms: Map
    membership: Membership
    configs: CloudConfigs
    site: Site
    _owners: dict[str, str] = field(default_factory=dict)  # instance → the VM it comes from
    _cleaned: dict[int, Map] = field(
        default_factory=dict
    )  # by the layer's id; all layers live as long as this
    _late: dict[int, bool] = field(default_factory=dict)

    @property
    def problems(self) -> Problems:
        """What is found goes where the site's own problems go."""
        return self.site.problems

    def of(self, base: str) -> Iterator[Instance]:
        """Give the instances of one VM as written."""
        written: Map = self.vms[base]
        named = written.get("groups", self.defaults.get("groups")) or []
        groups = self.membership.of(base, list(named))
        layers = [self.defaults, *(self.membership.groups[name] for name in groups), written]
        own = [self._fields(layer) for layer in layers]
        shared = None if any(map(self._is_late, own)) else self._laid(own)
        for index, offset in self._indices(written):
            self.problems.echo = repeated = offset > 0
            name = self._name(base, written, index)
            if name is None or not self._claim(name, base):
                continue
            values = {"base": base, "name": name} | ({} if index is None else {"index": index})
            tree = shared if shared is not None else self._late_tree(own, values)
            special = (written.get("instances") or {}).get(str(index))
            if special:
                tree = lay([tree, self.configs.included(special)])
                offset = 0 if "networks" in special else offset  # noqa: PLW2901 - literal values don't count
            yield Instance(Identity(name, base, index, offset, tuple(groups), repeated), tree)
        self.problems.echo = False

    def _indices(self, written: Map) -> Iterator[tuple[int | None, int]]:
        """Give each instance's index, and how far it is from the first."""
        if "count" not in written:
            for key in ("first", "names", "instances"):
                if key in written:
                    self.problems.at_key(written, key, f"{key} needs count", "this VM is one, not counted")
            return iter([(None, 0)])
        for key in ("count", "first"):
            if isinstance(written.get(key), str):
                self.problems.at(written, key, f"{key} can't depend on an instance's name")
                return iter(())
        first = int(written.get("first", 1))
        return ((first + offset, offset) for offset in range(int(written["count"])))

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
            self._late[id(layer)] = has_late(layer)
        return self._late[id(layer)]

    def _laid(self, layers: list[Map]) -> Map:
        return lay(self.configs.included(layer) for layer in layers if layer)

    def _late_tree(self, layers: list[Map], values: dict[str, Any]) -> Map:
        """Fill an instance's names into its layers; only now their types are final."""
        filled = [fill_instance(layer, values, self.problems) for layer in layers]
        sound_ones = (sound(layer, self.problems, "instance") for layer in filled)
        return self._laid([layer for layer in sound_ones if layer is not None])

    def _name(self, base: str, written: Map, index: int | None) -> str | None:
        if index is None:
            return base
        pattern = written.get("names")
        if pattern is None:
            name: Any = f"{base}-{index}"
        else:
            one = Map(written.mark, {"names": pattern}, written.marks)
            name = fill_instance(one, {"base": base, "index": index})["names"]
        if isinstance(name, str) and MARK in name:
            self.problems.at(written, "names", "names is made of base and index only")
            return None
        if not validate.is_valid(name, "name"):
            key = "names" if pattern is not None else "count"
            limits = "a-z, 0-9 and -, a letter first, at most 31 characters"
            self.problems.at(written, key, f"{name} can't be the name of an instance", limits)
            return None
        return str(name)

    def _claim(self, name: str, base: str) -> bool:
        """Take a name, unless another instance has it."""
        if name not in self._owners:
            self._owners[name] = base
            return True
        other, written = self._owners[name], self.vms[base]
        if other == base:
            self.problems.at(written, "names", f"two instances are called {name}", "names needs ${index}")
            return False
        key = next((each for each in ("names", "count") if each in written), None)
        summary = f"{name} is also the name of {f'an instance of {other}' if name != other else 'another VM'}"
        if key:
            self.problems.at(written, key, summary, "choose another name")
        else:
            self.problems.at_key(self.vms, base, summary, "choose another name")
        return False


def expand(expansion: Expansion) -> list[Instance]:
    """Give all instances, in the order of the file."""
    found: list[Instance] = []
    for base in expansion.vms:
        found += islice(expansion.of(base), _MOST + 1 - len(found))
        if len(found) > _MOST:
            expansion.problems.echo = False
            key = "count" if "count" in expansion.vms[base] else "image"
            expansion.problems.at(expansion.vms[base], key, f"the lab grows beyond {_MOST:,} VMs")
            return found[:_MOST]
    return found
