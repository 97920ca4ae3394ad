"""Where a Labfile is: a lab is known by that, so it must be the same from every folder and through every link."""

import os


def place(source: str | os.PathLike[str]) -> str:
    """Its path as its own folder has it; a Labfile that is a link itself stays where the link is."""
    folder, name = os.path.split(source)
    return os.path.join(os.path.realpath(folder), name)
