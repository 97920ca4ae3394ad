"""Where a Labfile is: a lab is known by that, so it must be the same from every folder and through every link."""

from pathlib import Path


def place(source: str | Path) -> Path:
    """Its path as its own folder has it; a Labfile that is a link itself stays where the link is."""
    path = Path(source)
    return path.parent.resolve() / path.name
