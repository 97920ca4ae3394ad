"""What an image of the Labfile is, before anything is fetched."""

import hashlib
import os
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.core.record import replace
from labctl.host.builds import apt
from labctl.kinds.image.resolve import (
    recipe_is_unchanged,
    resolve_name,
    resolve_path,
    resolve_recipe,
    resolve_url,
)
from tests.disks import raw

SHA256 = "ab" * 32


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of the test's own; and no apt, whose answer would be this host's."""
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(apt, "resolve", lambda *_asked: None)


def test_a_path_is_known_by_its_content(tmp_path: Path) -> None:
    disk = raw(tmp_path / "disk.img")
    spec = resolve_path(disk)
    assert spec.key == f"sha256-{hashlib.sha256(disk.read_bytes()).hexdigest()}"
    assert (spec.label, spec.source, spec.size) == ("disk.img", "path", 1024)


def test_a_kernel_is_no_disk(tmp_path: Path) -> None:
    (tmp_path / "vmlinuz").write_bytes(b"\x7fELF")
    spec = resolve_path(tmp_path / "vmlinuz", blob=True)
    assert (spec.blob, spec.size) == (True, None)


@pytest.mark.parametrize("blob", [True, False])
def test_a_secret_is_neither_an_image_nor_a_kernel(tmp_path: Path, *, blob: bool) -> None:
    (tmp_path / "initrd").write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\n".ljust(1024, b"A"))
    with pytest.raises(LabctlError, match=r"^\S*/initrd: neither .*") as error:
        resolve_path(tmp_path / "initrd", blob=blob)
    assert error.value.hint


@pytest.mark.parametrize("blob", [True, False])
def test_what_is_no_regular_file_is_never_read(tmp_path: Path, *, blob: bool) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero"), tmp_path):
        with pytest.raises(LabctlError, match="not a regular file"):
            resolve_path(path, blob=blob)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    for blob in (True, False):
        with pytest.raises(LabctlError, match="No such file"):
            resolve_path(tmp_path / "missing", blob=blob)


def test_a_url_is_known_by_the_digest_it_must_have() -> None:
    spec = resolve_url("https://example.org/a%20b/disk.qcow2?x=1", "sha256", SHA256.upper())
    assert (spec.key, spec.label, spec.size) == (f"sha256-{SHA256}", "disk.qcow2", None)


@pytest.mark.parametrize(
    ("url", "algorithm", "digest"),
    [
        ("http://example.org/disk.qcow2", "sha256", SHA256),
        ("file:///etc/passwd", "sha256", SHA256),
        ("https:///disk.qcow2", "sha256", SHA256),
        ("https://example.org/disk.qcow2", "sha256", "abc"),
        ("https://example.org/disk.qcow2", "sha512", SHA256),
        ("https://example.org/disk.qcow2", "md5", SHA256[:32]),
        ("https://example.org/disk.qcow2", "sha256", "../" + SHA256[3:]),
    ],
)
def test_bad_urls_and_digests_are_refused(url: str, algorithm: str, digest: str) -> None:
    with pytest.raises(LabctlError):
        resolve_url(url, algorithm, digest)


def test_a_recipe_is_an_image() -> None:
    spec = resolve_recipe("debian-12", "x86_64")
    assert spec.key.startswith("build-")
    assert (spec.origin, spec.size, spec.direct) == ("debian-12", 4 << 30, True)
    assert "console=ttyS0" in spec.cmdline
    assert recipe_is_unchanged(spec)
    assert not recipe_is_unchanged(replace(spec, arch="aarch64"))


def test_each_architecture_has_its_own_key() -> None:
    assert resolve_recipe("debian-12", "x86_64").key != resolve_recipe("debian-12", "aarch64").key


@pytest.mark.parametrize(
    ("name", "hint"), [("debian-21", "debian-12"), ("windows", "`labctl image list` shows them")]
)
def test_an_unknown_name_is_told_the_known_ones(name: str, hint: str) -> None:
    with pytest.raises(LabctlError) as raised:
        resolve_name(name, "x86_64")
    assert hint in raised.value.hint
