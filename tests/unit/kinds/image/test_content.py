"""What is stored is what was checked, whoever may write to the file that an image comes from."""

import gzip
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.core.record import replace
from labctl.host.downloads import download
from labctl.host.images import qcow2, unpack
from labctl.kinds.image.content import content
from labctl.kinds.image.resolve import resolve_path
from labctl.kinds.image.spec import ImageSpec
from tests import disks, swapper

ROUNDS = 12
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def silent(_text: str, _done: int = 0, _total: int = 0) -> None:
    pass


def stored(spec: ImageSpec) -> bytes:
    with content(spec, silent) as found:
        return found.files[0].file.read_bytes()


def qcow2_image(path: Path, *options: str) -> Path:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, path, "64M"], check=True)
    return path


@as_root
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_file_that_its_owner_swaps_all_the_time_is_stored_as_planned_or_not_at_all(
    public: Path, seed: int
) -> None:
    disk = qcow2_image(public / "disk.qcow2")
    bad = qcow2_image(public / "bad.qcow2", "-F", "raw", "-b", "/etc/shadow", "-u")
    bad.write_bytes(bad.read_bytes().ljust(disk.stat().st_size, b"\0"))
    spec = resolve_path(disk)
    with swapper.swapping(disk, bad, seed):
        for _ in range(ROUNDS):
            try:
                data = stored(spec)
            except LabctlError as error:
                assert "it is not sha256-" in str(error)  # noqa: PT017
                continue
            assert f"sha256-{hashlib.sha256(data).hexdigest()}" == spec.key


def test_a_copy_is_gone_after_it_was_stored(tmp_path: Path, own_cache: Path) -> None:
    spec = resolve_path(disks.raw(tmp_path / "disk.raw"))
    left = own_cache / "checks" / spec.volume
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of a run that was killed")
    with content(spec, silent) as found:
        assert found.files[0].file.read_bytes() == (tmp_path / "disk.raw").read_bytes()
    assert list(left.parent.iterdir()) == []


def test_a_file_that_changed_after_the_plan_is_told(tmp_path: Path) -> None:
    disk = disks.raw(tmp_path / "disk.raw")
    spec = resolve_path(disk)
    disks.raw(disk, data=b"other")
    with pytest.raises(LabctlError, match=rf"^{disk}: it is not {spec.key} any more"):
        stored(spec)


def test_a_header_is_looked_at_again(tmp_path: Path) -> None:
    """In what is stored: the lock of a stranger may have the key of anything."""
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(qcow2.MAGIC)
    key = f"sha256-{hashlib.sha256(disk.read_bytes()).hexdigest()}"
    with pytest.raises(LabctlError, match=rf"^{disk}: a truncated qcow2"):
        stored(ImageSpec("disk", key, "path", str(disk)))
    with pytest.raises(LabctlError, match=rf"^{disk}: neither a kernel nor an initrd"):
        stored(ImageSpec("disk", key, "path", str(disk), blob=True))


@pytest.mark.parametrize(
    ("size", "file", "unpacked"),
    [
        (1 << 30, (1 << 30) + (1 << 22) + (64 << 20), (1 << 30) + (1 << 22) + (64 << 20)),
        (None, 64 << 30, 1 << 40),
    ],
)
def test_a_download_has_no_more_than_what_is_expected_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None, file: int, unpacked: int
) -> None:
    """Nor has what is unpacked from it: its data as much as the file, and with its holes what is told."""
    packed = tmp_path / "disk.raw.gz"
    packed.write_bytes(gzip.compress(disks.raw(tmp_path / "disk.raw").read_bytes()))
    limits: list[int] = []

    def fetched(remote: download.RemoteFile, _progress: object) -> Path:
        limits.append(remote.limit)
        return packed

    def unpacking(*arguments: object, limit: int, data_limit: int) -> str:
        limits.extend((limit, data_limit))
        return unpack_as_ever(*arguments, limit=limit, data_limit=data_limit)

    unpack_as_ever = unpack.unpack
    monkeypatch.setattr(download, "fetch", fetched)
    monkeypatch.setattr(unpack, "unpack", unpacking)
    stored(ImageSpec("disk", "sha256-" + "0" * 64, "url", "https://example.org/disk.raw.gz", size=size))
    assert limits == [file, unpacked, file]


def test_a_kernel_beside_an_image_is_copied_too(tmp_path: Path) -> None:
    spec = resolve_path(disks.raw(tmp_path / "disk.raw"))
    for name in ("vmlinuz", "initrd"):
        (tmp_path / name).write_bytes(name.encode())
    with content(replace(spec, direct=True), silent) as found:
        assert [each.file.read_bytes() for each in found.files[1:]] == [b"vmlinuz", b"initrd"]
        assert not {each.file.parent for each in found.files} & {tmp_path}
