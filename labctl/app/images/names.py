"""Names of imported and golden images. Each is an entry of the user's catalogue, in the file `NAME.yaml`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from labctl.core.errors import UsageError
from labctl.host.files import os_errors
from labctl.host.files.private import write_private
from labctl.kinds.image import catalogue
from labctl.kinds.image.spec import shown

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.kinds.image.spec import ImageSpec


def check(name: str) -> None:
    """Check that an image can be given this name.

    Raises:
        UsageError: it is no valid name, or the user's own catalogue has it.
        LabctlError: a file of the user's catalogue is wrong.
    """
    if not re.fullmatch(r"[a-z][a-z0-9.-]{0,62}", name):
        raise UsageError(f"{name} can't be an image's name", hint="lower-case letters, digits, `.` and `-`")
    if name == "none":
        raise UsageError("none can't be an image's name", hint="in a Labfile it is a disk without an image")
    for path in catalogue.files():
        stated = catalogue.stated(path)
        if name in stated and path != _file(name):
            raise UsageError(f"{name} is stated in {path}", hint="take another name, or remove it there")
        if path == _file(name) and not _ours(path, stated):
            raise UsageError(
                f"{path} has entries of yours, and would be written over",
                hint="take another name, or another one for that file",
            )


def remember(spec: ImageSpec, origin: str) -> Path:
    """Give a stored image its name, in an entry with its digest and `origin`, and return the file of the entry.

    The digests of other architectures stay in the entry.

    Raises:
        LabctlError: the file can't be written.
    """
    path = _file(spec.label)
    before = catalogue.stated(path).get(spec.label, {}) if path.exists() else {}
    readable = "".join(
        char if char.isprintable() else "?" for char in origin
    )  # YAML takes only printable characters
    entry = {
        **before,
        "description": f"made from {readable}",
        "digests": {**before.get("digests", {}), spec.arch: shown(spec.key)},
        **{field: value for field in ("firmware", "cpu") if (value := getattr(spec, field))},
    }
    _write(path, {spec.label: entry})
    return path


def forget(key: str) -> None:
    """Remove the names of an image. An entry with a URL or recipe keeps its name.

    Raises:
        LabctlError: a file of the catalogue is wrong, or can't be written.
    """
    for path in catalogue.files():
        stated = catalogue.stated(path)
        if not _ours(path, stated):
            continue
        digests = stated[path.stem]["digests"]
        others = {arch: text for arch, text in digests.items() if text.replace(":", "-", 1) != key}
        if not others:
            path.unlink(missing_ok=True)
        elif others != digests:
            _write(path, {path.stem: {**stated[path.stem], "digests": others}})


def _file(name: str) -> Path:
    return catalogue.config_folder() / f"{name}.yaml"


def _ours(path: Path, stated: dict[str, Any]) -> bool:
    """Whether `remember` wrote the file: it has one entry, with the name of the file and without a URL or recipe."""
    return set(stated) == {path.stem} and not {"url", "build"} & stated[path.stem].keys()


def _write(path: Path, entries: dict[str, Any]) -> None:
    with os_errors.translated("can't write it", path):
        write_private(path, f"{json.dumps(entries, indent=2, ensure_ascii=False)}\n".encode())
