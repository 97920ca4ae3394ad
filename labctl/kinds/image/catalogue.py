"""The catalogue of images, which says what `image: NAME` stands for. The user's entries override labctl's own.

`templates/images/catalogue.yaml` describes the format. An imported image is an entry of the user with a digest and
without an address.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from labctl import resources
from labctl.core.closest_matches import closest_matches
from labctl.core.errors import LabctlError, UsageError
from labctl.core.record import field, record
from labctl.core.size import parse_size
from labctl.host.files.private import user_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OWN = "templates/images/catalogue.yaml"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "aarch64"}


@record
class Entry:
    """An entry of the catalogue. The keys of the maps are libvirt's names of architectures; sizes are in bytes.

    `checksums` are the URLs of the vendor's checksum files, `digests` have the form `sha256-HEX`. `firmware` is empty
    if the image boots with BIOS and with UEFI.
    """

    name: str
    description: str = ""
    urls: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    form: str = ""  # the format of the checksum file: coreutils, bsd, digest
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
        """The firmware that the image needs: `uefi`, `bios`, or empty if it boots with both."""
        return "uefi" if arch == "aarch64" else self.firmware


def config_folder() -> Path:
    """The folder of the user's entries, below `LABCTL_CONFIG_DIR` if that is set.

    Raises:
        LabctlError: nobody knows the user's home.
    """
    import platformdirs  # a run that needs no catalogue does without it

    return user_folder("LABCTL_CONFIG_DIR", platformdirs.user_config_dir("labctl")) / "images"


def entries() -> dict[str, Entry]:
    """All entries by name.

    Raises:
        LabctlError: a file of the user can't be used; the error names all of its mistakes.
    """
    found = dict(_own())
    for path in files():
        found |= {name: _entry(name, fields, str(path)) for name, fields in stated(path).items()}
    return found


def files() -> list[Path]:
    """The user's files; of two with the same name in them, the last one counts."""
    try:
        return sorted(config_folder().glob("*.yaml"))
    except LabctlError:  # without a home there are none
        return []


def entry(name: str) -> Entry:
    """The entry of a name.

    Raises:
        UsageError: no entry has this name; the hint has similar names.
        LabctlError: a file of the user can't be used.
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
    """Read a file of the user: name → fields, in the catalogue's format.

    Raises:
        LabctlError: the file can't be used; the error names all of its mistakes.
    """
    from jsonschema import (
        Draft202012Validator,  # only users with own entries need it, and it takes long to import
    )

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
    """Architecture → address, of one address for all or of such a map; `words` are the vendor's architecture names."""
    if not stated:
        return {}
    if not isinstance(stated, str):
        return dict(stated)
    return {
        arch: stated.replace("{url}", urls.get(arch, "")).replace("{arch}", word)
        for arch, word in words.items()
    }
