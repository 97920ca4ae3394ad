"""Copying a program with the shared libraries that it needs, of any architecture."""

import re
import subprocess
from pathlib import Path

INTERPRETER = re.compile(r"program interpreter: (\S+)\]")
NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")
LIBRARIES = ("lib/*-linux-gnu*", "usr/lib/*-linux-gnu*")


def copy(program: Path, place: Path, root: Path, tree: Path) -> None:
    """Copy a program to `place`, and what it needs from `root` to the same places below `tree`."""
    _write(place, program)
    for library, name in _needed(program, root).items():
        _write(tree / name, library)


def _needed(program: Path, root: Path) -> dict[Path, str]:
    """Each library with its place below the root."""
    found: dict[Path, str] = {}
    waiting = [program]
    while waiting:
        told = subprocess.run(
            ["readelf", "--program-headers", "--dynamic", "--wide", waiting.pop()],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        places = [_interpreter(root, name) for name in INTERPRETER.findall(told)]
        places += [_library(root, name) for name in NEEDED.findall(told)]
        for place in places:
            if root / place not in found:
                found[root / place] = place
                waiting.append(root / place)
    # where the program asks for it, whatever the root's layout
    return {
        path: place.removeprefix("usr/") if "/ld-linux" in place else place for path, place in found.items()
    }


def _interpreter(root: Path, name: str) -> str:
    return next(place for place in (name[1:], f"usr{name}") if (root / place).exists())


def _library(root: Path, name: str) -> str:
    found = (path for folder in LIBRARIES for path in root.glob(f"{folder}/{name}"))
    try:
        return str(next(found).relative_to(root))
    except StopIteration:
        raise FileNotFoundError(f"no library {name} below {root}") from None


def _write(place: Path, source: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(source.read_bytes())
    place.chmod(0o755)
