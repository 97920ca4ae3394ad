"""A warm state's description as JSON, which is a volume of the store beside its other parts. Pure."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

from labctl.core import identity
from labctl.core.record import values
from labctl.kinds.snapshot.description import checked
from labctl.kinds.warm.spec import WarmDisk, WarmSpec, WarmVm

FORMAT = 1
_NOT_WRITTEN = ("size", "problem", "aside")


def write(spec: WarmSpec) -> bytes:
    written = {name: value for name, value in values(spec).items() if name not in _NOT_WRITTEN}
    written["vms"] = [values(each) for each in spec.vms]
    written["disks"] = [values(each) for each in spec.disks]
    return json.dumps({"format": FORMAT, **written}, indent=1).encode()


def read(lab: str, key: str, content: bytes) -> WarmSpec:
    """The warm state of a lab by its description. It has a `problem` if this labctl can't read that."""
    try:
        read = json.loads(content)
        if read.pop("format") == FORMAT and (read["lab"], read["key"]) == (lab, key):
            return _warm(read)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, ET.ParseError):
        pass
    return WarmSpec(lab, key, problem="this labctl can't read its description")


def _warm(read: dict[str, Any]) -> WarmSpec:
    read["vms"] = tuple(checked(WarmVm(**each)) for each in read["vms"])
    read["disks"] = tuple(checked(WarmDisk(**each)) for each in read["disks"])
    for name in ("parts", "stamps"):
        read[name] = tuple((str(key), str(value)) for key, value in read[name])
    return _sensible(checked(WarmSpec(**read)))


def _sensible(warm: WarmSpec) -> WarmSpec:
    """The same warm state; ValueError if what is made of its texts would fail, or lead out of its volumes."""
    bytes.fromhex(warm.secret)
    sensible = bool(warm.moment)
    for vm in warm.vms:
        ET.fromstring(vm.definition)
        variables = warm.volume(identity.nvram_volume(vm.name))
        sensible &= vm.memory == warm.memory_volume(vm.name) and vm.variables in ("", variables)
        sensible &= "/" not in vm.name
    for disk in warm.disks:
        sensible &= disk.volume == warm.disk_volume(disk.name)
    if not sensible:
        raise ValueError(warm.address)
    return warm
