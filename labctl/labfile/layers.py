"""Merges the layers of a VM: `defaults`, its groups, the VM itself, and its instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["merge_layers"]

_APPENDED = frozenset({"ready", "folders", "forwards", "provision"})
_REPLACED = frozenset({"image"})  # `{path}` over `{url, sha256}` is another image, not a mixture


def merge_layers(layers: Iterable[tuple[str, Map]]) -> Map:
    """Merge layers, each with its name, weakest first. The result knows which layer each of its values is from.

    Maps merge, other values replace those of weaker layers. `ready`, `folders`, `forwards`, `provision` and lists
    in `cloud_init` append.
    """
    result: Map | None = None
    for name, layer in layers:
        if result is None:
            result = Map(layer.mark, layer, layer.marks)
            result.layers = layer.layers or dict.fromkeys(layer, name)
        else:
            result = _merged(("", result), (name, layer))
    return result if result is not None else Map(("", 1, 1, 1, 1))


_Layer = tuple[str, Any]  # the name of a layer, and its value at one place


def _merged(weak: _Layer, strong: _Layer) -> Map:
    result = _joined(weak, strong)
    below, above = weak[1], strong[1]
    for key in above.marks.keys() - above.keys():  # a removed wrong value still hides that of a weaker layer
        result.pop(key, None)
    for key in below.keys() & above.keys():
        pair = _entry(weak, key), _entry(strong, key)
        old, new = below[key], above[key]
        if key == "cloud_init":
            result[key] = _merged_cloud_config(*pair)
        elif key in _APPENDED and isinstance(old, Seq) and isinstance(new, Seq):
            result[key] = _concatenated(*pair)
        elif key not in _REPLACED and isinstance(old, Map) and isinstance(new, Map):
            result[key] = _merged(*pair)
    return result


def _merged_cloud_config(weak: _Layer, strong: _Layer) -> Any:
    below, above = weak[1], strong[1]
    if isinstance(below, Map) and isinstance(above, Map):
        result = _joined(weak, strong)
        for key in below.keys() & above.keys():
            result[key] = _merged_cloud_config(_entry(weak, key), _entry(strong, key))
        return result
    if isinstance(below, Seq) and isinstance(above, Seq):
        return _concatenated(weak, strong)
    return above


def _joined(weak: _Layer, strong: _Layer) -> Map:
    """The entries of both maps, of which those of the strong one hide the others."""
    below, above = weak[1], strong[1]
    result = Map(above.mark, {**below, **above}, {**below.marks, **above.marks})
    result.layers = {**_layers(weak), **_layers(strong)}
    return result


def _concatenated(weak: _Layer, strong: _Layer) -> Seq:
    below, above = weak[1], strong[1]
    result = Seq(above.mark, [*below, *above], [*below.marks, *above.marks])
    result.layers = [
        *(below.layers or [weak[0]] * len(below)),
        *(above.layers or [strong[0]] * len(above)),
    ]
    return result


def _entry(layer: _Layer, key: str) -> _Layer:
    """An entry of a map with its layer."""
    name, node = layer
    return (node.layers or {}).get(key, name), node[key]


def _layers(layer: _Layer) -> Mapping[str, str]:
    name, node = layer
    return node.layers or dict.fromkeys(node, name)
