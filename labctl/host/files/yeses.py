"""The user's yeses: what of the host each Labfile may reach, in the user's own state folder (docs/adr/0028).

A file for each Labfile: `{"format": 1, "labfile": PATH, "reaches": [a reach of schemas/plan.schema.json, …]}`.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError
from labctl.core.host_reach import Deed, HostReach
from labctl.host.files import checked, os_errors
from labctl.host.files.private import user_folder, write_private

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

FORMAT = 1
MOST = 16 << 20  # bytes of a file of yeses


def folder() -> Path:
    """The folder of the yeses; it need not exist. `LABCTL_STATE_DIR` is the path of the whole state folder.

    Raises:
        LabctlError: nobody knows the user's home.
    """
    import platformdirs  # most runs need none

    return user_folder("LABCTL_STATE_DIR", platformdirs.user_state_dir("labctl")) / "trust"


def remembered(labfile: Path) -> tuple[HostReach, ...]:
    """What the user said yes to for this Labfile (its absolute path); nothing where that can't be read."""
    try:
        found = _read(_file(labfile))
    except LabctlError:
        return ()
    return found[1] if found and found[0] == str(labfile) else ()


def everything() -> dict[str, tuple[HostReach, ...]]:
    """What the user said yes to, by the paths of the Labfiles."""
    found = (_read(each) for each in sorted(folder().glob("*.json")))
    return {labfile: reaches for labfile, reaches in filter(None, found) if reaches}


def remember(labfile: Path, reaches: Iterable[HostReach]) -> None:
    """Add yeses.

    Raises:
        LabctlError: they can't be written.
    """
    _write(labfile, {each.id: each for each in (*remembered(labfile), *reaches)}.values())


def forget(labfile: Path, ids: Collection[str]) -> None:
    """Take yeses back.

    Raises:
        LabctlError: they can't be written.
    """
    _write(labfile, [each for each in remembered(labfile) if each.id not in ids])


def _file(labfile: Path) -> Path:
    return folder() / f"{hashlib.sha256(os.fsencode(labfile)).hexdigest()[:32]}.json"


def _write(labfile: Path, reaches: Iterable[HostReach]) -> None:
    path = _file(labfile)
    told = {"format": FORMAT, "labfile": str(labfile), "reaches": [each.to_json() for each in reaches]}
    with os_errors.translated("can't keep what you trust", path):
        if told["reaches"]:
            write_private(path, json.dumps(told, indent=2).encode())
        else:
            path.unlink(missing_ok=True)


def _read(path: Path) -> tuple[str, tuple[HostReach, ...]] | None:
    """The Labfile and the reaches of a file; None where it is missing, damaged, or not this user's own."""
    try:
        with checked.folder_of(path) as within:
            told: dict[str, Any] = json.loads(checked.read(path.name, within, path, MOST))
        reaches = tuple(_reach(each) for each in told["reaches"]) if told["format"] == FORMAT else ()
        return str(told["labfile"]), reaches
    except (OSError, LabctlError, ValueError, KeyError, TypeError):
        return None


def _reach(fields: dict[str, Any]) -> HostReach:
    texts = {name: str(fields[name]) for name in ("subject", "field", "where", "reason", "content")}
    return HostReach(Deed(fields["deed"]), **texts, trusted=True)
