"""A snapshot's description as JSON, which is a volume beside its other parts. Pure."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from labctl.core.lifecycle import State
from labctl.core.record import MISSING, fields, replace
from labctl.kinds.snapshot.spec import Copy, Layer, SavedNetwork, SavedVm, SnapshotSpec

R = TypeVar("R")
FORMAT = 1
_NOT_WRITTEN = ("restored", "growth", "size", "problem")


def write(spec: SnapshotSpec) -> bytes:
    values = {name: value for name, value in _values(spec).items() if name not in _NOT_WRITTEN}
    return json.dumps({"format": FORMAT, **values}, indent=1).encode()


def read(lab: str, name: str, content: bytes) -> SnapshotSpec | None:
    """The snapshot of a lab by its description.

    None if that is not whole JSON, as a run that was killed may leave it. What is whole is somebody's snapshot: where
    this labctl can't read it, since another one wrote it or someone edited it, it has a `problem` and nothing else.
    """
    try:
        values = json.loads(content)
    except ValueError:
        return None
    except RecursionError:
        values = None
    try:
        if values.pop("format") == FORMAT and (values["lab"], values["name"]) == (lab, name):
            return _snapshot(values)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return SnapshotSpec(lab, name, problem="this labctl can't read its description")


def _snapshot(values: dict[str, Any]) -> SnapshotSpec:
    values["vms"] = tuple(map(_vm, values["vms"]))
    values["saved_networks"] = tuple(checked(SavedNetwork(**each)) for each in values["saved_networks"])
    values["copies"] = tuple(checked(Copy(**each)) for each in values["copies"])
    values["ancestors"] = tuple(values["ancestors"])
    return checked(SnapshotSpec(**values))


def checked(read: R) -> R:
    """The same record; TypeError if a value is of another type than its field. Fields without a default are texts."""
    for each in fields(type(read)):
        wanted = str if each.default is MISSING else type(each.default)
        if not isinstance(getattr(read, each.name), wanted):
            raise TypeError(each.name)
    return read


def _values(record: Any) -> dict[str, Any]:
    """The fields of a record by name, those of records in it too."""
    return {each.name: _plain(getattr(record, each.name)) for each in fields(type(record))}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return _values(value) if isinstance(value, SavedVm | SavedNetwork | Copy | Layer) else value


def _vm(values: dict[str, Any]) -> SavedVm:
    vm = SavedVm(**values)
    return checked(replace(vm, state=State(vm.state), layers=tuple(map(_layer, values["layers"]))))


def _layer(values: dict[str, Any]) -> Layer:
    return checked(replace(Layer(**values), below=tuple(values["below"])))
