"""The host's apt: which of its sources an image is built from, which versions it would get, what is remembered."""

import os
import shutil
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.builds import apt

TARGETS = """\
Debian|http://m|http://m/debian/|bookworm|main||amd64
Debian|http://m|http://m/debian/|bookworm-updates|main|/k.gpg|amd64
Docker|https://d|https://d/linux/debian/|bookworm|stable|/d.gpg|amd64
Debian|http://m|http://m/debian/|trixie|main||amd64
Ubuntu|http://u|http://u/ubuntu/|noble|universe||amd64
$(ORIGIN)|http://s|http://s/debian-security/|bookworm-security|main|$(SIGNED_BY)|amd64
"""
PACKAGE = "Package: {0}\nVersion: {1}\nArchitecture: amd64\n{2}Filename: x\nSize: 1\nSHA256: 00\n"


class Apt:
    """The programs of apt, which stand first on PATH: they know these targets, and leave the rest to the real one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._targets, self._calls = folder / "targets", folder / "calls"
        self.knows("")
        listed = f'[ "$1" = indextargets ] && exec cat {self._targets}'
        run = f'echo "$1" >>{self._calls}\n{listed}\nexec {shutil.which("apt-get") or "false"} "$@"'
        for name, script in (("apt-get", run), ("apt-config", "")):
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def knows(self, targets: str) -> None:
        self._targets.write_text(targets)

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().split()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Apt:
    (tmp_path / "bin").mkdir()
    return Apt(tmp_path / "bin", monkeypatch)


@pytest.fixture
def lists(host: Apt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A host with lists of its own, which knows apt, web and, beyond what is installed by itself, lib."""
    if shutil.which("apt-get") is None:
        pytest.skip("no apt here")
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(apt, "LISTS", tmp_path / "lists")
    monkeypatch.setattr(apt, "ETC", tmp_path / "etc")
    host.knows("Debian|http://m|http://m/debian|bookworm|main||amd64\n")
    (tmp_path / "lists/partial").mkdir(parents=True)
    write(tmp_path / "lists", lib="1.0")
    return tmp_path / "lists"


def write(folder: Path, lib: str) -> None:
    packages = [
        PACKAGE.format("apt", "2.6", "Priority: required\n"),
        PACKAGE.format("base", "12", "Essential: yes\n"),
        PACKAGE.format("web", "1:2.0-1", "Depends: lib\nRecommends: extra\n"),
        PACKAGE.format("lib", lib, ""),
        PACKAGE.format("extra", "5", ""),
    ]
    (folder / "m_debian_dists_bookworm_main_binary-amd64_Packages").write_text("\n".join(packages))
    release = "Origin: Debian\nSuite: bookworm\nCodename: bookworm\nDate: Sat, 01 Jan 2022 00:00:00 UTC\n"
    (folder / "m_debian_dists_bookworm_Release").write_text(release)


def resolve(*packages: str) -> dict[str, str] | None:
    return apt.resolve("debian", "bookworm", "amd64", packages)


def test_only_debians_own_sources_of_the_suite_are_used(host) -> None:
    host.knows(TARGETS)
    assert apt.sources("bookworm") == [
        "deb http://m/debian/ bookworm main",
        "deb [signed-by=/k.gpg] http://m/debian/ bookworm-updates main",
        "deb http://s/debian-security/ bookworm-security main",
    ]


def test_a_distribution_has_its_own_sources(host) -> None:
    host.knows(TARGETS)
    assert apt.sources("noble", "ubuntu") == ["deb http://u/ubuntu/ noble universe"]
    assert apt.sources("noble", "debian") == []


@pytest.mark.parametrize(
    "uri", ["http://localhost:3142/debian/", "https://me:pw@m/debian/", "file:/srv/debian/"]
)
def test_sources_that_a_guest_could_or_should_not_use_are_left_out(host, uri: str) -> None:
    host.knows(f"Debian|x|{uri}|bookworm|main||amd64\n")
    assert apt.sources("bookworm") == []


def test_the_host_of_another_suite_has_none(host) -> None:
    host.knows(TARGETS)
    assert apt.sources("sid") == []


def test_packages_resolve_with_what_they_need_and_without_recommendations(lists) -> None:
    assert resolve("web") == {"apt": "2.6", "base": "12", "lib": "1.0", "web": "1:2.0-1"}


def test_what_was_resolved_is_remembered_while_the_lists_are_the_same(lists, host) -> None:
    first = resolve("web")
    assert host.calls == ["indextargets", "--simulate"]
    assert resolve("web") == first
    assert host.calls == ["indextargets", "--simulate"], "asked again"
    write(lists, lib="1.0.1")
    assert resolve("web") == {**first, "lib": "1.0.1"}


def test_an_unknown_package_is_named(lists) -> None:
    with pytest.raises(LabctlError, match="no package called webb, lib=7") as raised:
        resolve("webb", "web", "lib=7")
    assert "apt update" in raised.value.hint


def test_a_host_without_lists_can_not_say(lists) -> None:
    for path in lists.glob("m_*"):
        path.unlink()
    assert resolve("web") is None


def test_a_host_of_another_suite_can_not_say(lists, host) -> None:
    host.knows("")
    assert resolve("web") is None


def test_a_manifest_has_a_line_for_each_package() -> None:
    versions = {"web": "1:2.0-1", "lib": "1.0"}
    assert apt.manifest(versions) == "lib=1.0\nweb=1:2.0-1\n"
    assert apt.digest(versions) == apt.digest(dict(reversed(versions.items())))
