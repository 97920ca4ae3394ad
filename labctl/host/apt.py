"""This host's own apt: where it gets packages from, as mmdebstrap wants to be told."""

from __future__ import annotations

import os
import subprocess
from urllib.parse import urlsplit

FIELDS = ("ORIGIN", "SITE", "REPO_URI", "RELEASE", "COMPONENT", "SIGNED_BY", "ARCHITECTURE")
LOCAL = ("localhost", "127.0.0.1", "::1")
PROXY = "Acquire::http::Proxy"


def sources(suite: str) -> list[str]:
    """The host's lines for Debian's `suite`, its updates and security; none when the host is not of that suite.

    Then mmdebstrap takes Debian's own addresses, as it does for a mirror that only this host can reach, since the
    image keeps the lines that it was built from.
    """
    suites = {suite, f"{suite}-updates", f"{suite}-security"}
    found = []
    for row in _targets():
        target = dict(zip(FIELDS, row, strict=True))
        url = urlsplit(target["REPO_URI"])
        usable = url.scheme in ("http", "https") and not url.username and url.hostname not in LOCAL
        if usable and target["RELEASE"] in suites and _is_debian(target):
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


def _is_debian(target: dict[str, str]) -> bool:
    """Third parties call their suites the same; the origin is known once apt has fetched its lists."""
    if target["ORIGIN"] != "$(ORIGIN)":
        return target["ORIGIN"] == "Debian"
    return "debian" in target["REPO_URI"] and target["COMPONENT"] == "main"


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
