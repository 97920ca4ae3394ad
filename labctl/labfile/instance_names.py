"""Names the instances of each VM by its `count`, `first` and `names`, before layers are merged."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from labctl.core.record import field, record
from labctl.labfile import reserved_names, validate
from labctl.labfile.interpolate import fill_instance
from labctl.labfile.placeholders import PATTERN, PLACEHOLDER
from labctl.labfile.yaml_tree import Map

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from labctl.labfile.problems import Problems

__all__ = ["InstanceName", "InstanceNames"]

_MOST_FORMS = 100
_LONGEST = 200  # characters of `names`, with what stands for base and index
_MOST = 10_000  # VMs of a lab; a larger `count` could use up labctl's memory


@record
class InstanceName:
    """The name and number of an instance. `index` is None without `count`; `offset` counts from 0."""

    name: str
    index: int | None
    offset: int


@record(frozen=False)
class InstanceNames:
    """The names of all instances: by VM, in the order of the file, and the VM of each name."""

    vms: Map
    problems: Problems
    by_vm: dict[str, list[InstanceName]] = field(default_factory=dict)
    vm_of: dict[str, str] = field(default_factory=dict)

    def assigned(self) -> InstanceNames:
        """Name all instances. Invalid and duplicate names are reported."""
        for base in self.vms:
            self.by_vm[base] = []
            reserved_names.report("VM", base, self.vms, base, self.problems)
            for each in self._instances(base):
                if len(self.vm_of) > _MOST:
                    key = "count" if "count" in self.vms[base] else "image"
                    self.problems.repeated = False
                    self.problems.at(self.vms[base], key, f"the lab grows beyond {_MOST:,} VMs")
                    return self
                self.by_vm[base].append(each)
            self.problems.repeated = False
        return self

    def exceeds_count(self, name: str, written: Collection[str]) -> bool:
        """Whether an instance would have this name if its VM's `count` were larger.

        Of a VM in `written` whose fields are wrong, any number counts as such.
        """
        base, dash, index = name.rpartition("-")
        vm = self.vms.get(base)
        if vm is not None and index.isdecimal() and "count" in vm and "names" not in vm:
            return True
        if any(pattern.fullmatch(name) for pattern in self._named):
            return True
        return bool(dash) and base in written and vm is None

    @cached_property
    def _named(self) -> list[re.Pattern[str]]:
        """The forms of instances' names, of those VMs that state them; of no more than anybody writes."""
        counted = ((base, vm) for base, vm in self.vms.items() if "count" in vm and "names" in vm)
        return [_form(base, vm["names"]) for base, vm in islice(counted, _MOST_FORMS)]

    def _instances(self, base: str) -> Iterator[InstanceName]:
        written: Map = self.vms[base]
        for index, offset in self._indices(written):
            self.problems.repeated = offset > 0
            name = base if index is None else self._name(base, written, index)
            if name is not None and self._claim(name, base):
                yield InstanceName(name, index, offset)

    def _indices(self, written: Map) -> Iterator[tuple[int | None, int]]:
        """Give the index and the offset of each instance."""
        if "count" not in written:
            for key in ("first", "names", "instances"):
                if key in written and "count" not in written.marks:
                    self.problems.at_key(written, key, f"{key} needs count", "this VM is one, not counted")
            return iter([(None, 0)])
        for key in ("count", "first"):
            if isinstance(written.get(key), str):
                self.problems.at(written, key, f"{key} can't depend on an instance's name")
                return iter(())
        if len(written.get("names", "")) > _LONGEST:
            self.problems.at(written, "names", f"more than {_LONGEST} characters")
            return iter(())
        first = int(written.get("first", 1))
        return ((first + offset, offset) for offset in range(int(written["count"])))

    def _name(self, base: str, written: Map, index: int) -> str | None:
        name = _instance_name(base, written, index)
        if isinstance(name, str) and PLACEHOLDER in name:
            self.problems.at(written, "names", "names is made of base and index only")
            return None
        if not validate.is_valid(name, "name"):
            key = "names" if "names" in written else "count"
            limits = "a-z, 0-9 and -, a letter first, at most 31 characters"
            self.problems.at(written, key, f"{name} can't be the name of an instance", limits)
            return None
        return str(name)

    def _claim(self, name: str, base: str) -> bool:
        """Take a name for an instance of `base`; False, and reported, where it is reserved or already taken."""
        if name != base and (refusal := reserved_names.refusal("VM", name)):
            self.problems.at(self.vms[base], "names", *refusal)
            return False
        if name not in self.vm_of:
            self.vm_of[name] = base
            return True
        other, written = self.vm_of[name], self.vms[base]
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


def _form(base: str, names: str) -> re.Pattern[str]:
    """What all names look like that `names` makes of a VM's name and an index."""
    texts = PATTERN.split(names)  # every second one is the name in a placeholder
    filled = {"base": re.escape(base), "index": "[0-9]{1,6}"}
    parts = [
        filled.get(text.partition(":")[0], "") if n % 2 else re.escape(text) for n, text in enumerate(texts)
    ]
    return re.compile("".join(parts))


def _instance_name(base: str, written: Map, index: int) -> Any:
    """The name of the instance with this index, made by `names`."""
    pattern = written.get("names")
    if pattern is None:
        return f"{base}-{index}"
    one = Map(written.mark, {"names": pattern}, written.marks)
    return fill_instance(one, {"base": base, "index": index})["names"]
