"""Writes a Labfile to start from."""

from __future__ import annotations

from pathlib import Path

from labctl.core.errors import UsageError
from labctl.host.files import os_errors
from labctl.host.files.private import write_atomically
from labctl.labfile.init_templates import template_names, template_text
from labctl.labfile.problems import did_you_mean

LABFILE = "Labfile.yaml"


def init(start: str, target: str, *, force: bool = False) -> Path:
    """Write the starting lab called `start` to the file or into the folder `target`, and return the path of the file.

    Raises:
        UsageError: there is no such starting lab, or the file exists and `force` is not set.
        LabctlError: the file can't be written.
    """
    if start not in template_names():
        raise UsageError(f"no starting lab is called {start}", hint=did_you_mean(start, template_names()))
    path = Path(target) / LABFILE if Path(target).is_dir() else Path(target)
    try:
        if force:
            write_atomically(path, template_text(start).encode(), 0o644)
        else:
            with path.open("x", encoding="utf-8") as file:
                file.write(template_text(start))
    except FileExistsError:
        raise UsageError(f"{path} exists already", hint="--force replaces it, -f writes elsewhere") from None
    except OSError as error:
        raise os_errors.as_labctl_error(error, "can't write it", path) from error
    return path
