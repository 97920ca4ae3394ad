"""A snapshot's description as JSON, which is a volume beside its other parts. Pure."""

from __future__ import annotations

import json
from typing import Any

from labctl.core.lifecycle import State
from labctl.core.record import fields, replace
from labctl.kinds.snapshot.spec import Copy, Layer, SavedNetwork, SavedVm, SnapshotSpec

FORMAT = 1
_NOT_WRITTEN = ("restored", "size")


def write(spec: SnapshotSpec) -> bytes:
    values = {name: value for name, value in _values(spec).items() if name not in _NOT_WRITTEN}
    return json.dumps({"format": FORMAT, **values}, indent=1).encode()


def read(lab: str, name: str, content: bytes) -> SnapshotSpec | None:
    """The snapshot of a lab by its description.

    None unless the description is whole, of this lab and of this format: a run that was killed may leave part of one.
    """
    try:
        values = json.loads(content)
        if values.pop("format") != FORMAT or (values["lab"], values["name"]) != (lab, name):
            return None
        values["vms"] = tuple(map(_vm, values["vms"]))
        values["saved_networks"] = tuple(SavedNetwork(**each) for each in values["saved_networks"])
        values["copies"] = tuple(Copy(**each) for each in values["copies"])
        values["below"] = tuple(values["below"])
        return SnapshotSpec(**values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _values(record: Any) -> dict[str, Any]:
    """The fields of a record by name, those of records in it too."""
    return {each.name: _plain(getattr(record, each.name)) for each in fields(type(record))}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return _values(value) if isinstance(value, SavedVm | SavedNetwork | Copy | Layer) else value


def _vm(values: dict[str, Any]) -> SavedVm:
    vm = SavedVm(**values)
    return replace(vm, state=State(vm.state), layers=tuple(map(_layer, values["layers"])))


def _layer(values: dict[str, Any]) -> Layer:
    return replace(Layer(**values), below=tuple(values["below"]))
