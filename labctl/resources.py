"""The one way to the files that labctl ships: `schemas/` and `templates/`.

In a checkout they stand at the top, beside the package; in a wheel they are inside it, under `_data/`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def folder(name: str) -> Path:
    """Give the folder `schemas` or `templates`."""
    package = Path(__file__).parent
    shipped = package / "_data" / name
    return shipped if shipped.is_dir() else package.parent / name


def text(name: str) -> str:
    """Read one file, as in `text("templates/guest/keys.sh")`."""
    top, _, rest = name.partition("/")
    return (folder(top) / rest).read_text(encoding="utf-8")
