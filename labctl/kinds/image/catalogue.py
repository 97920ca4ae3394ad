"""The catalogue: what `image: NAME` stands for, as data. labctl's own, and the user's, which wins.

`templates/images/catalogue.yaml` tells the form. An image that was imported is an entry of the user's: its digest, and
no address to get it from.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from labctl import resources
from labctl.core.closest_matches import closest_matches
from labctl.core.errors import LabctlError, UsageError
from labctl.core.record import field, record
from labctl.core.size import parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = "templates/images/catalogue.yaml"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "aarch64"}


@record
class Entry:
    """One name. Maps are by libvirt's word for the architecture; `digests` are `sha256-HEX`; sizes are bytes.

    `checksums` are (URL, algorithm) of the vendor's checksum files, `firmware` is empty where both boot it.
    """

    name: str
    description: str = ""
    urls: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    form: str = ""  # of the checksum file: coreutils, bsd, digest
    algorithm: str = "sha256"
    digests: Mapping[str, str] = field(default_factory=dict)
    memory: int = 0
    disk: int = 0
    firmware: str = ""
    console: str = ""
    cpu: str = ""
    user: str = ""
    build: str = ""  # the name of a recipe
    note: str = ""
    source: str = ""
    file: str = OWN

    @property
    def architectures(self) -> tuple[str, ...]:
        return tuple(sorted({*self.urls, *self.digests} or ARCHITECTURES, reverse=True))

    def console_of(self, arch: str) -> str:
        return self.console or ("ttyAMA0" if arch == "aarch64" else "ttyS0")

    def firmware_of(self, arch: str) -> str:
        """`uefi`, `bios`, or the empty string where it boots by both."""
        return "uefi" if arch == "aarch64" else self.firmware


def config_folder() -> Path:
    """Where the user's entries are; `LABCTL_CONFIG_DIR` moves it."""
    import platformdirs

    root = os.environ.get("LABCTL_CONFIG_DIR") or platformdirs.user_config_dir("labctl")
    return Path(root) / "images"


def entries() -> dict[str, Entry]:
    """All by name.

    Raises:
        LabctlError: a file of the user's can't be used; all of its mistakes are named.
    """
    found = dict(_own())
    for path in files():
        found |= {name: _entry(name, fields, str(path)) for name, fields in stated(path).items()}
    return found


def files() -> list[Path]:
    """The user's own, in the order in which they win."""
    return sorted(config_folder().glob("*.yaml"))


def entry(name: str) -> Entry:
    """The one of that name.

    Raises:
        UsageError: there is none; the nearest names are the hint.
        LabctlError: a file of the user's can't be used.
    """
    known = entries()
    if name not in known:
        near = closest_matches(name, known, 3)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else "`labctl image list` shows them; a path holds a `/`"
        )
        raise UsageError(f"no image is called {name}", hint=hint)
    return known[name]


@cache
def _own() -> dict[str, Entry]:
    return {name: _entry(name, fields, OWN) for name, fields in _yaml(resources.text(OWN)).items()}


def stated(path: Path) -> dict[str, dict[str, Any]]:
    """What a file of the user's says, in the catalogue's form.

    Raises:
        LabctlError: it can't be used; all of its mistakes are named.
    """
    from jsonschema import Draft202012Validator

    try:
        tree = _yaml(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LabctlError(f"can't read it: {error}", where=str(path)) from error
    schema = json.loads(resources.text("schemas/catalogue.schema.json"))
    wrong = [
        f"{'.'.join(map(str, each.absolute_path)) or 'the file'}: {each.message}"
        for each in Draft202012Validator(schema).iter_errors(tree)
    ]
    if wrong:
        hint = "`labctl schema catalogue` tells the form"
        raise LabctlError("; ".join(wrong), where=str(path), hint=hint)
    return dict(tree)


def _yaml(text: str) -> Any:

    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # either is a safe one


def _entry(name: str, fields: Mapping[str, Any], file: str) -> Entry:
    words: Mapping[str, str] = fields.get("architectures") or ARCHITECTURES
    urls = _per_arch(fields.get("url"), words, {})
    form, _, algorithm = fields.get("format", "").partition(" ")
    plain = ("description", "firmware", "console", "cpu", "user", "build", "note", "source")
    return Entry(
        name=name,
        urls=urls,
        checksums=_per_arch(fields.get("checksums"), words, urls),
        form=form,
        algorithm=algorithm or "sha256",
        digests={arch: text.replace(":", "-") for arch, text in fields.get("digests", {}).items()},
        memory=parse_size(fields.get("memory", "0")),
        disk=parse_size(fields.get("disk", "0")),
        file=file,
        **{each: fields.get(each, "") for each in plain},
    )


def _per_arch(stated: Any, words: Mapping[str, str], urls: Mapping[str, str]) -> dict[str, str]:
    """One address for all architectures, or a map of them, with the vendor's `words` for them filled in."""
    if not stated:
        return {}
    if not isinstance(stated, str):
        return dict(stated)
    return {
        arch: stated.replace("{url}", urls.get(arch, "")).replace("{arch}", word)
        for arch, word in words.items()
    }
