"""Merges the layers of a VM: `defaults`, its groups, the VM itself, and its instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["merge_layers"]

_APPENDED = frozenset({"ready", "folders", "provision"})
_REPLACED = frozenset({"image"})  # `{path}` over `{url, sha256}` is another image, not a mixture


def merge_layers(layers: Iterable[Map]) -> Map:
    """Merge layers, weakest first.

    Maps merge, other values replace those of weaker layers. `ready`, `folders`, `provision` and lists in `cloud_init`
    append.
    """
    result: Map | None = None
    for layer in layers:
        result = layer if result is None else _merged(result, layer)
    return result if result is not None else Map(("", 1, 1, 1, 1))


def _merged(weak: Map, strong: Map) -> Map:
    if not weak:
        return strong
    result = Map(strong.mark, {**weak, **strong}, {**weak.marks, **strong.marks})
    for key in (
        strong.marks.keys() - strong.keys()
    ):  # a removed wrong value still hides that of a weaker layer
        result.pop(key, None)
    for key in weak.keys() & strong.keys():
        below, above = weak[key], strong[key]
        if key == "cloud_init":
            result[key] = _merged_cloud_config(below, above)
        elif key in _APPENDED and isinstance(below, Seq) and isinstance(above, Seq):
            result[key] = _concatenated(below, above)
        elif key not in _REPLACED and isinstance(below, Map) and isinstance(above, Map):
            result[key] = _merged(below, above)
    return result


def _merged_cloud_config(weak: Any, strong: Any) -> Any:
    if isinstance(weak, Map) and isinstance(strong, Map):
        result = Map(strong.mark, {**weak, **strong}, {**weak.marks, **strong.marks})
        for key in weak.keys() & strong.keys():
            result[key] = _merged_cloud_config(weak[key], strong[key])
        return result
    if isinstance(weak, Seq) and isinstance(strong, Seq):
        return _concatenated(weak, strong)
    return strong


def _concatenated(weak: Seq, strong: Seq) -> Seq:
    return Seq(strong.mark, [*weak, *strong], [*weak.marks, *strong.marks])
