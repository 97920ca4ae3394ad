"""What an image of the Labfile is, before anything is fetched."""

import hashlib
import os
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.core.record import replace
from labctl.host.builds import apt
from labctl.host.files import kept
from labctl.kinds.image.resolve import made_by, resolve_name, resolve_path, resolve_recipe, resolve_url

SHA256 = "ab" * 32


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of the test's own; and no apt, whose answer would be this host's."""
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(apt, "resolve", lambda *_asked: None)


def raw(path: Path, content: bytes = bytes(1024)) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once; nobody can set their ctime back."""
    monkeypatch.setattr(kept, "SETTLED_NS", -(10**9))


def test_a_path_is_known_by_its_content(tmp_path: Path) -> None:
    spec = resolve_path(raw(tmp_path / "disk.img"))
    assert spec.key == f"sha256-{hashlib.sha256(bytes(1024)).hexdigest()}"
    assert (spec.label, spec.source, spec.size) == ("disk.img", "path", 1024)


@pytest.mark.usefixtures("long_ago")
def test_a_digest_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = raw(tmp_path / "disk.img")
    first = resolve_path(path)
    monkeypatch.delattr(hashlib, "file_digest")
    assert resolve_path(path) == first


@pytest.mark.usefixtures("long_ago")
def test_a_changed_file_is_counted_again(tmp_path: Path) -> None:
    path = raw(tmp_path / "disk.img")
    resolve_path(path)
    before = path.stat()
    raw(path, b"x" * 1024)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert resolve_path(path).key.endswith(hashlib.sha256(b"x" * 1024).hexdigest())


def test_a_file_still_warm_is_not_remembered(tmp_path: Path) -> None:
    """It could change within the same tick of the clock."""
    resolve_path(raw(tmp_path / "disk.img"))
    assert not (tmp_path / "cache/digests").exists()


def test_a_kernel_is_not_looked_into(tmp_path: Path) -> None:
    spec = resolve_path(raw(tmp_path / "vmlinuz", b"no image"), blob=True)
    assert (spec.blob, spec.size) == (True, None)


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
    assert made_by(spec)
    assert not made_by(replace(spec, arch="aarch64"))


def test_each_architecture_has_its_own_key() -> None:
    assert resolve_recipe("debian-12", "x86_64").key != resolve_recipe("debian-12", "aarch64").key


@pytest.mark.parametrize(
    ("name", "hint"), [("debian-21", "debian-12"), ("windows", "`labctl image list` shows them")]
)
def test_an_unknown_name_is_told_the_known_ones(name: str, hint: str) -> None:
    with pytest.raises(LabctlError) as raised:
        resolve_name(name, "x86_64")
    assert hint in raised.value.hint
