"""This host's apt: its package sources, for mmdebstrap, and the versions that it would install."""

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
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PROXY = "Acquire::http::Proxy"
LISTS, ETC = Path("/var/lib/apt/lists"), Path("/etc/apt")
# The packages of mmdebstrap's variant minbase, as apt-patterns(7)
MINBASE = ("?essential", "?priority(required)", "apt")
# Only the host's package lists count: its settings, its pins and its installed packages say nothing about an image
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
    """The `deb` lines of the host for a suite, its updates and its security updates.

    Empty when the host has no sources for this suite; mmdebstrap then uses the distribution's own mirrors. Sources that
    only this host can reach are left out, since the image keeps the lines that it was built from.
    """
    suites = {suite, f"{suite}-updates", f"{suite}-security"}
    found = []
    for row in _targets():
        target = dict(zip(FIELDS, row, strict=True))
        url = urlsplit(target["REPO_URI"])
        usable = url.scheme in ("http", "https") and not url.username and url.hostname not in LOOPBACK
        if usable and target["RELEASE"] in suites and _is_of(distribution, target):
            keyring = target["SIGNED_BY"]
            signed = f"[signed-by={keyring}] " if keyring.startswith("/") else ""
            found.append(f"deb {signed}{target['REPO_URI']} {target['RELEASE']} {target['COMPONENT']}")
    complete = any(f" {suite} " in line for line in found)
    return list(dict.fromkeys(found)) if complete else []


def proxy_environment() -> dict[str, str]:
    """The proxy of the host's apt as environment variables, since the apt that mmdebstrap runs has no such setting."""
    if "http_proxy" in os.environ:
        return {}
    proxy = _output("apt-config", "shell", "proxy", PROXY).strip().removeprefix("proxy='").removesuffix("'")
    return {"http_proxy": proxy, "https_proxy": proxy} if proxy and proxy != "DIRECT" else {}


def resolve(distribution: str, suite: str, arch: str, packages: Sequence[str]) -> dict[str, str] | None:
    """Find the versions that apt would install into a minimal root with these packages, by the host's package lists.

    No network is used. The result is cached until the host's sources or lists change.

    Args:
        distribution: debian or ubuntu.
        suite: the suite's code name.
        arch: dpkg's name of the architecture.
        packages: the packages beside those of a minimal root, as NAME or NAME=VERSION.

    Returns:
        package → version; None if this host has no apt, or no lists of the suite.

    Raises:
        LabctlError: the suite has no such package.
    """
    asked = json.dumps([distribution, suite, arch, *sorted(packages)])
    cached, state = cache.folder("apt") / hashlib.sha256(asked.encode()).hexdigest()[:32], _lists_state()
    try:
        known = json.loads(cached.read_text(encoding="utf-8"))
        if known["state"] == state:
            return dict(known["versions"]) or None
    except (OSError, ValueError, KeyError, TypeError):
        pass  # the file is missing or damaged
    lines = sources(suite, distribution)
    versions = _simulate_install(lines, arch, packages) if lines else {}
    write_private(cached, json.dumps({"state": state, "versions": versions}).encode())
    return versions or None


def digest(versions: dict[str, str]) -> str:
    """The sha256 in hex of the manifest."""
    return hashlib.sha256(manifest(versions).encode()).hexdigest()


def manifest(versions: dict[str, str]) -> str:
    """The packages as sorted lines `PACKAGE=VERSION`."""
    return "".join(f"{package}={version}\n" for package, version in sorted(versions.items()))


def _simulate_install(lines: Sequence[str], arch: str, packages: Sequence[str]) -> dict[str, str]:
    """The versions that `apt-get install` would put into an empty root; empty if it fails."""
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
    """LabctlError that names the packages which no list has; none if even apt is unknown, since no lists exist then."""
    groups = [match.groups() for match in UNKNOWN.finditer(stderr)]
    unknown = [name or virtual or f"{package}={version}" for name, virtual, version, package in groups]
    if unknown and "apt" not in unknown:
        raise LabctlError(
            f"there is no package called {', '.join(unknown)}",
            hint="see `apt policy NAME`; perhaps it is there after `apt update`",
        )


def _lists_state() -> str:
    """A digest of the names, sizes and times of the host's sources and lists, which changes when they do."""
    files = [ETC / "sources.list", *_files_in(ETC / "sources.list.d"), *_files_in(LISTS)]
    seen = []
    for path in files:
        try:
            facts = path.stat()
        except OSError:
            continue
        if path.is_file() and path.name != "lock":
            seen.append(f"{path} {facts.st_size} {facts.st_mtime_ns} {facts.st_ino}")
    return hashlib.sha256("\n".join(sorted(seen)).encode()).hexdigest()


def _files_in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_of(distribution: str, target: dict[str, str]) -> bool:
    """Whether a source is the distribution's own: third parties give their suites the same names.

    apt knows the origin of a source once it has fetched the list; before that, the address has to do.
    """
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
        return ""  # this host has no apt
