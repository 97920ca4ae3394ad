"""This host's own apt: where it gets packages from, as mmdebstrap wants to be told, and which versions it knows."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labctl.core.errors import LabctlError
from labctl.host.files import cache
from labctl.host.files.private import write_private

if TYPE_CHECKING:
    from collections.abc import Sequence

FIELDS = ("ORIGIN", "SITE", "REPO_URI", "RELEASE", "COMPONENT", "SIGNED_BY", "ARCHITECTURE")
LOCAL = ("localhost", "127.0.0.1", "::1")
PROXY = "Acquire::http::Proxy"
LISTS, ETC = Path("/var/lib/apt/lists"), Path("/etc/apt")
# mmdebstrap's variant minbase, as apt's own patterns (apt-patterns(7))
MINBASE = ("?essential", "?priority(required)", "apt")
# Nothing of the host's but its lists: its settings, pins and what is installed are not the image's
CONFIGURATION = """\
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
Dir::State::lists "{lists}";
Dir::Cache "{folder}";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Architecture "{arch}";
APT::Architectures "{arch}";
APT::Install-Recommends "false";
"""
INSTALLED = re.compile(r"^Inst (\S+) \((\S+) ", re.MULTILINE)
UNKNOWN = re.compile(
    r"^E: (?:Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate"
    r"|Version '(.+)' for '(.+)' was not found)",
    re.MULTILINE,
)


def sources(suite: str, distribution: str = "debian") -> list[str]:
    """The host's lines for that suite, its updates and security; none when the host is not of that suite.

    Then mmdebstrap takes the distribution's own addresses, as it does for a mirror that only this host can reach,
    since the image keeps the lines that it was built from.
    """
    suites = {suite, f"{suite}-updates", f"{suite}-security"}
    found = []
    for row in _targets():
        target = dict(zip(FIELDS, row, strict=True))
        url = urlsplit(target["REPO_URI"])
        usable = url.scheme in ("http", "https") and not url.username and url.hostname not in LOCAL
        if usable and target["RELEASE"] in suites and _is_of(distribution, target):
            keyring = target["SIGNED_BY"]
            signed = f"[signed-by={keyring}] " if keyring.startswith("/") else ""
            found.append(f"deb {signed}{target['REPO_URI']} {target['RELEASE']} {target['COMPONENT']}")
    complete = any(f" {suite} " in line for line in found)
    return list(dict.fromkeys(found)) if complete else []


def environment() -> dict[str, str]:
    """The proxy that the host's apt is told to use, which mmdebstrap's would not know of."""
    if "http_proxy" in os.environ:
        return {}
    proxy = _output("apt-config", "shell", "proxy", PROXY).strip().removeprefix("proxy='").removesuffix("'")
    return {"http_proxy": proxy, "https_proxy": proxy} if proxy and proxy != "DIRECT" else {}


def resolve(distribution: str, suite: str, arch: str, packages: Sequence[str]) -> dict[str, str] | None:
    """Package → version of all that a minimal root with these packages would get by the lists that this host has.

    `arch` is dpkg's. None where there is no apt, or its lists don't cover the suite. Uses no network; remembered while
    the host's sources and lists are unchanged.

    Raises:
        LabctlError: the suite has no such package.
    """
    asked = json.dumps([distribution, suite, arch, *sorted(packages)])
    note, state = cache.folder("apt") / hashlib.sha256(asked.encode()).hexdigest()[:32], _state()
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        if known["state"] == state:
            return dict(known["versions"]) or None
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no note yet, or no longer a good one
    lines = sources(suite, distribution)
    versions = _simulated(lines, arch, packages) if lines else {}
    write_private(note, json.dumps({"state": state, "versions": versions}).encode())
    return versions or None


def digest(versions: dict[str, str]) -> str:
    """sha256 in hex of `PACKAGE=VERSION` lines, sorted."""
    return hashlib.sha256(manifest(versions).encode()).hexdigest()


def manifest(versions: dict[str, str]) -> str:
    """`PACKAGE=VERSION` lines, sorted."""
    return "".join(f"{package}={version}\n" for package, version in sorted(versions.items()))


def _simulated(lines: Sequence[str], arch: str, packages: Sequence[str]) -> dict[str, str]:
    """What `apt-get install` would do in an empty root; nothing where it can't tell."""
    with tempfile.TemporaryDirectory(prefix="labctl-apt-") as name:
        folder = Path(name)
        (folder / "status").touch()
        (folder / "sources.list").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        configuration = CONFIGURATION.format(folder=folder, lists=LISTS, arch=arch)
        (folder / "apt.conf").write_text(configuration, encoding="utf-8")
        done = subprocess.run(
            ["apt-get", "--simulate", "--yes", "-qq", "install", *MINBASE, *packages],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", "APT_CONFIG": str(folder / "apt.conf")},
        )
    if done.returncode == 0:
        return dict(INSTALLED.findall(done.stdout))
    _refuse_unknown(done.stderr)
    return {}


def _refuse_unknown(stderr: str) -> None:
    """LabctlError that names the packages which are in no list. Where apt itself is in none, it has no lists."""
    groups = [match.groups() for match in UNKNOWN.finditer(stderr)]
    unknown = [name or virtual or f"{package}={version}" for name, virtual, version, package in groups]
    if unknown and "apt" not in unknown:
        raise LabctlError(
            f"there is no package called {', '.join(unknown)}",
            hint="see `apt policy NAME`; perhaps it is there after `apt update`",
        )


def _state() -> str:
    """Changes when the host's sources or lists do: a digest of their names, sizes and times."""
    files = [ETC / "sources.list", *_inside(ETC / "sources.list.d"), *_inside(LISTS)]
    seen = []
    for path in files:
        try:
            facts = path.stat()
        except OSError:
            continue
        if path.is_file() and path.name != "lock":
            seen.append(f"{path} {facts.st_size} {facts.st_mtime_ns} {facts.st_ino}")
    return hashlib.sha256("\n".join(sorted(seen)).encode()).hexdigest()


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_of(distribution: str, target: dict[str, str]) -> bool:
    """Third parties call their suites the same; the origin is known once apt has fetched its lists."""
    if target["ORIGIN"] != "$(ORIGIN)":
        return target["ORIGIN"].lower() == distribution
    return distribution in target["REPO_URI"] and target["COMPONENT"] == "main"


def _targets() -> list[list[str]]:
    layout = "|".join(f"$({field})" for field in FIELDS)
    output = _output("apt-get", "indextargets", "--format", layout, "Created-By: Packages")
    rows = [line.split("|") for line in output.splitlines()]
    return [row for row in rows if len(row) == len(FIELDS)]


def _output(*argv: str) -> str:
    try:
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""  # no apt here: mmdebstrap knows Debian's own addresses
