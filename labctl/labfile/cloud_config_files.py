"""Reads the cloud-config files that `cloud_init: {file: PATH}` names."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError, Position, Problem, Rejected
from labctl.core.record import replace
from labctl.host.files.regular import open_real
from labctl.labfile import user_data_formats, yaml_reader
from labctl.labfile.yaml_text import read_capped
from labctl.labfile.yaml_tree import Map

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from labctl.labfile.context import ReadContext

__all__ = ["CloudConfigFiles"]

_EMPTY = ("the cloud-config is empty", "write fields, as `packages: [curl]`, or leave the file out")


class CloudConfigFiles:
    """Reads each file once. A file in another format of user-data is reported by the name of that format."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._problems = context.problems
        self._files: dict[Path, Map | None] = {}

    def include(self, layer: Map) -> Map:
        """Replace `{file: PATH}` in a layer's `cloud_init` by the content of the file."""
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
        path = self._context.file(config, "file")
        if path in self._files:
            return self._files[path]
        self._files[path] = None
        if self._context.why_unreadable(path):  # reported; reading a pipe would block until someone writes
            return None
        shown = self._problems.path_for_user(config["file"])
        try:
            with open_real(path) as file:
                data = read_capped(file)
        except OSError as error:
            self._problems.at(config, "file", f"{config['file']}: {str(error.strerror).lower()}")
            return None
        except LabctlError as error:
            self._problems.at(config, "file", f"{config['file']}: {error.summary}", error.hint)
            return None
        if path in self._context.outside:
            digest = f"sha256-{hashlib.sha256(data).hexdigest()}"
            self._context.outside[path] = replace(self._context.outside[path], content=digest)
        try:
            tree, found = _parsed(data, shown)
        except Rejected as error:
            self._report(config, path, error.problems)
            return None
        self._report(config, path, found)
        self._problems.add_tree(tree, self._problems.path_of(config, "file")[:-1])
        self._files[path] = tree
        return tree

    def _report(self, config: Map, path: Path, found: Sequence[Problem]) -> None:
        """Report what is wrong with a file; of one from elsewhere nothing is quoted."""
        if found and path in self._context.outside:
            self._problems.at(config, "file", f"{config['file']}: this is no valid cloud-config")
            return
        for problem in found:
            self._problems.add(problem)


def _parsed(data: bytes, shown: str) -> tuple[Map, Sequence[Problem]]:
    if other := user_data_formats.detect_by_content(data, shown):
        raise _not_cloud_config(shown, *other)
    tree, found = yaml_reader.read_yaml(data, shown, empty=_EMPTY, cloud=True)
    if other := user_data_formats.detect_by_keys(tree):
        raise _not_cloud_config(shown, *other)
    return tree, found


def _not_cloud_config(file: str, what: str, instead: str) -> Rejected:
    return Rejected([Problem(what, where=Position(file, 1, 1), hint=instead)])
