"""Lays the layers of a VM over one another: built-in, `defaults`, groups, the VM, its instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.errors import Position, Problem, Rejected
from labctl.labfile import user_data_formats, yaml_reader
from labctl.labfile.yaml_text import read_capped
from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from labctl.labfile.disks import ReadContext

__all__ = ["CloudConfigFiles", "merge_layers"]

_EMPTY = ("the cloud-config is empty", "write fields, as `packages: [curl]`, or leave the file out")
_APPENDING = frozenset({"ready"})
_WHOLE = frozenset({"image"})  # `{path}` over `{url, sha256}` is another image, not a mixture


def merge_layers(layers: Iterable[Map]) -> Map:
    """Merge layers, weakest first: maps merge, the rest replaces, `ready` and lists in `cloud_init` append."""
    result: Map | None = None
    for layer in layers:
        result = layer if result is None else _over(result, layer)
    return result if result is not None else Map(("", 1, 1, 1, 1))


def _over(weak: Map, strong: Map) -> Map:
    if not weak:
        return strong
    result = Map(strong.mark, {**weak, **strong}, {**weak.marks, **strong.marks})
    for key in strong.marks.keys() - strong.keys():  # a wrong value, taken out, still hides a weaker layer's
        result.pop(key, None)
    for key in weak.keys() & strong.keys():
        below, above = weak[key], strong[key]
        if key == "cloud_init":
            result[key] = _deep(below, above)
        elif key in _APPENDING and isinstance(below, Seq) and isinstance(above, Seq):
            result[key] = _joined(below, above)
        elif key not in _WHOLE and isinstance(below, Map) and isinstance(above, Map):
            result[key] = _over(below, above)
    return result


def _deep(weak: Any, strong: Any) -> Any:
    if isinstance(weak, Map) and isinstance(strong, Map):
        result = Map(strong.mark, {**weak, **strong}, {**weak.marks, **strong.marks})
        for key in weak.keys() & strong.keys():
            result[key] = _deep(weak[key], strong[key])
        return result
    if isinstance(weak, Seq) and isinstance(strong, Seq):
        return _joined(weak, strong)
    return strong


def _joined(weak: Seq, strong: Seq) -> Seq:
    return Seq(strong.mark, [*weak, *strong], [*weak.marks, *strong.marks])


class CloudConfigFiles:
    """Reads `cloud_init: {file: PATH}`, each file once. What is no cloud-config is told by what it is."""

    def __init__(self, context: ReadContext) -> None:
        self._site = context
        self._problems = context.problems
        self._files: dict[Path, Map | None] = {}

    def included(self, layer: Map) -> Map:
        """Put the file's content into the layer."""
        config = layer.get("cloud_init")
        if not isinstance(config, Map) or "file" not in config:
            return layer
        for key in config:
            if key != "file":
                hint = "put it into the file, or the file into a group or defaults: layers merge"
                self._problems.at_key(config, key, f"{key} can't stand beside file", hint)
        included: Map | None = None
        if isinstance(config["file"], str) and config["file"]:
            included = self._read(config)
        else:
            self._problems.at(config, "file", "expected the path of a cloud-config file")
        return Map(layer.mark, {**layer, "cloud_init": included or Map(config.mark)}, layer.marks)

    def _read(self, config: Map) -> Map | None:
        path = self._site.file(config, "file")
        if path in self._files:
            return self._files[path]
        self._files[path] = None
        if self._site.wrong(path):  # a pipe would wait for somebody to write
            return None
        shown = self._problems.path_for_user(config["file"])
        try:
            with path.open("rb") as file:
                data = read_capped(file)
        except OSError as error:
            self._problems.at(config, "file", f"{config['file']}: {str(error.strerror).lower()}")
            return None
        tree = self._parsed(data, shown)
        if tree is None:
            return None
        self._problems.add_tree(tree, self._problems.path_of(config, "file")[:-1])
        self._files[path] = tree
        return tree

    def _parsed(self, data: bytes, shown: str) -> Map | None:
        try:
            if other := user_data_formats.detect_by_content(data, shown):
                raise _not_cloud_config(shown, *other)
            tree, found = yaml_reader.read_yaml(data, shown, empty=_EMPTY, cloud=True)
            if other := user_data_formats.detect_by_keys(tree):
                raise _not_cloud_config(shown, *other)
        except Rejected as error:
            for problem in error.problems:
                self._problems.add(problem)
            return None
        for problem in found:
            self._problems.add(problem)
        return tree


def _not_cloud_config(file: str, what: str, instead: str) -> Rejected:
    return Rejected([Problem(what, where=Position(file, 1, 1), hint=instead)])
