"""The labs that `labctl init` starts from."""

from __future__ import annotations

from labctl import resources

__all__ = ["names", "read"]

_FOLDER = "templates/labs"
_ORDER = ("single", "pair", "cluster")  # simplest first


def names() -> tuple[str, ...]:
    """List the starting labs, simplest first."""
    return _ORDER


def read(name: str) -> str:
    """Give the text of a starting lab. Raises `KeyError` where there is none of that name."""
    if name not in _ORDER:
        raise KeyError(name)
    return resources.text(f"{_FOLDER}/{name}/Labfile.yaml")
