"""How tests write Labfiles: as YAML text below a folder of their own."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from labctl.core.errors import Rejected
from labctl.labfile.load import load

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.labfile.load import Loaded

HEAD = "labfile: 1\nname: lab\n"


def loaded(folder: Path, text: str, **given: Any) -> Loaded:
    """Load a Labfile whose first two lines are HEAD."""
    path = folder / "Labfile.yaml"
    path.write_text(HEAD + textwrap.dedent(text), encoding="utf-8")
    return load(str(path), **given)


def vms(folder: Path, text: str, **given: Any) -> dict[str, Any]:
    """Load a Labfile and give its VMs by name."""
    return {vm.name: vm for vm in loaded(folder, text, **given).lab.vms}


def problems(folder: Path, text: str, **given: Any) -> list[str]:
    """Give the messages for a Labfile, without its folder."""
    try:
        loaded(folder, text, **given)
    except Rejected as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    return []
