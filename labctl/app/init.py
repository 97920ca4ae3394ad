"""Write a Labfile to start from."""

from __future__ import annotations

from pathlib import Path

from labctl.core.errors import UsageError
from labctl.host.files import local
from labctl.labfile.init_templates import template_names, template_text
from labctl.labfile.problems import did_you_mean

LABFILE = "Labfile.yaml"


def init(start: str, target: str, *, force: bool = False) -> Path:
    """Write the starting lab of that name to a file or into a folder, and give its path.

    Raises:
        UsageError: there is no such starting lab, or a file is there already.
        LabctlError: it can't be written.
    """
    if start not in template_names():
        raise UsageError(f"no starting lab is called {start}", hint=did_you_mean(start, template_names()))
    path = Path(target) / LABFILE if Path(target).is_dir() else Path(target)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(template_text(start))
    except FileExistsError:
        raise UsageError(
            f"{path} is there already", hint="--force replaces it, -f writes elsewhere"
        ) from None
    except OSError as error:
        raise local.failed(error, "can't write it", path) from error
    return path
