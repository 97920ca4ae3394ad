"""The checksum files that publishers put beside their images.

Debian, Ubuntu and Alma write `HEX  NAME`, as sha256sum does; Rocky and FreeBSD write `SHA256 (NAME) = HEX`; Fedora
writes the same in a PGP clear-signed message; Alpine writes the digest alone. Signatures are not verified, because
https authenticates the publisher.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from labctl.core.closest_matches import closest_matches
from labctl.core.errors import LabctlError
from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The algorithms, the strongest first, and the lengths of their digests in hex
LENGTHS = {"sha512": 128, "sha256": 64}
_UNUSED = {
    "sha1": 40,
    "md5": 32,
    "sha384": 96,
    "sha224": 56,
}  # recognised for the error message, but not accepted
_OF_LENGTH = {length: name for name, length in (LENGTHS | _UNUSED).items()}

_COREUTILS = re.compile(r"([0-9a-fA-F]{32,128})[ \t]+\*?(\S.*)")
_BSD = re.compile(r"([A-Za-z0-9-]+) ?\((.+)\) ?= ?([0-9a-fA-F]+)")
_BARE = re.compile(r"[0-9a-fA-F]{32,128}")
_SIGNED, _SIGNATURE = "-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----"


@record
class Checksum:
    """`algorithm` is sha256 or sha512, `digest` in lower-case hex."""

    algorithm: str
    digest: str


@record
class _Entry:
    name: str
    algorithm: str
    digest: str


def find(text: str, name: str, where: str) -> Checksum:
    """Find the checksum of a file; the stronger one if there are two algorithms.

    A checksum file with one digest and nothing else counts for every name.

    Args:
        text: the content of the checksum file.
        name: the file's base name, which has to match completely.
        where: the checksum file's address, for errors.

    Raises:
        LabctlError: the checksum file has no digest of the file, only weak ones, or two that differ.
    """
    lines = _without_signature([line.strip() for line in text.lstrip("\ufeff").splitlines()], where)
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) == 1 and _BARE.fullmatch(lines[0]):
        found = [_entry(name, "", lines[0])]
        return _best(name, [each for each in found if each], where)
    entries = list(_entries(lines))
    mine = [each for each in entries if each.name == name]
    if not mine:
        raise _not_listed(name, entries, where)
    return _best(name, mine, where)


def _without_signature(lines: Sequence[str], where: str) -> Sequence[str]:
    """The text of a PGP clear-signed message without headers and signature; any other text unchanged.

    https://www.rfc-editor.org/rfc/rfc9580#section-7
    """
    if _SIGNED not in lines:
        return lines
    body = lines[lines.index(_SIGNED) + 1 :]
    if _SIGNATURE not in body:
        raise LabctlError("the signed checksums end too early", where=where, hint="try again")
    body = body[: body.index(_SIGNATURE)]
    start = body.index("") if "" in body else len(body)  # an empty line ends the headers
    return [line.removeprefix("- ") for line in body[start:]]


def _entries(lines: Sequence[str]) -> Iterator[_Entry]:
    for line in lines:
        if match := _BSD.fullmatch(line):
            tag, path, digest = match.groups()
        elif match := _COREUTILS.fullmatch(line):
            tag, (digest, path) = "", match.groups()
        else:
            continue
        if entry := _entry(PurePosixPath(path).name, tag, digest):
            yield entry


def _entry(name: str, tag: str, digest: str) -> _Entry | None:
    """An entry with the algorithm that fits the digest's length; None if none fits, or if `tag` names another."""
    algorithm = _OF_LENGTH.get(len(digest))
    if algorithm is None or (tag and tag.lower().replace("sha2-", "sha") != algorithm):
        return None
    return _Entry(name, algorithm, digest.lower())


def _best(name: str, mine: Sequence[_Entry], where: str) -> Checksum:
    strong = {each: sorted({entry.digest for entry in mine if entry.algorithm == each}) for each in LENGTHS}
    for algorithm, digests in strong.items():
        if len(digests) > 1:
            raise LabctlError(
                f"two {algorithm} of {name}: {digests[0]} and {digests[1]}",
                where=where,
                hint="give the right one in the Labfile",
            )
    for algorithm, digests in strong.items():
        if digests:
            return Checksum(algorithm, digests[0])
    kinds = ", ".join(sorted({each.algorithm for each in mine})) or "nothing usable"
    raise LabctlError(
        f"only {kinds} of {name}", where=where, hint="labctl takes sha256 and sha512: give one in the Labfile"
    )


def _not_listed(name: str, entries: Sequence[_Entry], where: str) -> LabctlError:
    if not entries:
        return LabctlError(
            "there are no checksums in it", where=where, hint="is that the address of the checksums?"
        )
    close = closest_matches(name, {each.name for each in entries}, 1)
    return LabctlError(
        f"there is no checksum of {name} in it",
        where=where,
        hint=f"there is one of {close[0]}" if close else "is that the folder of this image's release?",
    )
