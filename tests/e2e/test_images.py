"""The image store on the private libvirtd: volumes in and out, completeness, sharing, runs that were killed."""

import asyncio
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import libvirt
import pytest

from labctl.core.errors import LabctlError
from labctl.host.host import Host
from labctl.host.libvirt import pools, volumes
from labctl.kinds.image.driver import ImageDriver
from labctl.kinds.image.resolve import resolve_path, resolve_recipe
from labctl.kinds.image.spec import POOL, ImageSpec
from labctl.kinds.image.store import ImageStore
from tests import swapper
from tests.disks import raw
from tests.e2e import debian
from tests.pools import remove

SECTOR = 512
URI = "qemu:///system"


def silent(_text: str, _done: int = 0, _total: int = 0) -> None:
    pass


@pytest.fixture
def pool(connection: libvirt.virConnect):
    made = pools.define(connection, "labctl-t", pools.root(connection) / "labctl-t")
    yield made
    remove(connection, "labctl-t")


@pytest.fixture
def host():
    opened = Host(URI)
    yield opened
    opened.close()


@pytest.fixture
def driver(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A driver with an empty store, which is gone afterwards, and a cache of its own."""
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    remove(host.virt, POOL)
    yield ImageDriver(host)
    remove(host.virt, POOL)


@pytest.fixture
def store(host: Host) -> ImageStore:
    return ImageStore(host)


def image(path: Path, size: str = "64M") -> Path:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, size], check=True)
    return path


def content(connection: libvirt.virConnect, pool: libvirt.virStoragePool, name: str) -> bytes:
    return volumes.download(connection, pool, name)


def test_bytes_make_the_round_trip(connection, pool) -> None:
    data = os.urandom(3_000_001)
    volumes.upload(connection, pool, "blob", data, length=len(data), mode=0o600)
    assert content(connection, pool, "blob") == data
    assert volumes.download(connection, pool, "blob", offset=-5) == data[-5:]
    assert volumes.download(connection, pool, "blob", offset=7, length=9) == data[7:16]
    assert Path(volumes.path(pool, "blob")).stat().st_mode & 0o777 == 0o600


def test_holes_stay_holes(connection, pool, tmp_path) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.seek(5_000_000)
        file.write(b"middle" * 100_000)
        file.truncate(1 << 28)
    with sparse.open("rb") as file:
        volumes.upload(connection, pool, "sparse", file, length=1 << 28, mode=0o600)
    stored = Path(volumes.path(pool, "sparse"))
    assert stored.stat().st_size == 1 << 28
    assert stored.stat().st_blocks * SECTOR < 10 << 20

    class Digest(io.RawIOBase):
        sha256 = hashlib.sha256()

        def write(self, data: bytes) -> int:
            self.sha256.update(data)
            return len(data)

    received = Digest()
    volumes.download_to(connection, pool, "sparse", received)
    with sparse.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == received.sha256.digest()


def test_a_failed_upload_leaves_no_volume(connection, pool) -> None:
    with pytest.raises(LabctlError, match="shorter"):
        volumes.upload(connection, pool, "short", b"abc", length=1000, mode=0o600)
    assert volumes.names(pool) == set()


def test_an_overlay_knows_its_base(connection, pool) -> None:
    base = volumes.create(pool, "base", capacity=1 << 20)
    volumes.create(pool, "overlay", capacity=2 << 20, backing=(base, "qcow2"))
    (facts,) = volumes.facts(pool, {"overlay"})
    assert (facts.capacity, facts.format, facts.backing) == (2 << 20, "qcow2", base)


@pytest.mark.parametrize("running", [True, False])
def test_a_pool_is_removed_without_its_folder(connection, running) -> None:
    folder = pools.root(connection) / "labctl-lost"
    pool = pools.define(connection, "labctl-lost", folder)
    if not running:
        pool.destroy()
    Path(folder).rmdir()
    assert pools.remove(connection, "labctl-lost", ()) == []
    assert pools.find(connection, "labctl-lost") is None


def test_a_path_is_stored_once_whatever_its_name(driver, store, connection, tmp_path) -> None:
    first, second = image(tmp_path / "first.qcow2"), tmp_path / "second.img"
    second.write_bytes(first.read_bytes())
    one, two = resolve_path(first), resolve_path(second)
    assert one.key == two.key
    assert one.size == 64 << 20
    store_now(driver, one)
    pool = pools.require(connection, POOL)
    before = Path(volumes.path(pool, one.volume)).stat()
    store_now(driver, two)
    assert Path(volumes.path(pool, one.volume)).stat().st_mtime_ns == before.st_mtime_ns
    assert volumes.names(pool) == {one.volume, f"{one.key}.ok", f"{one.key}.seen"}
    assert store.observe({one.key, "sha256-0"})[one.key].size == 64 << 20


def test_libvirt_knows_the_format_at_once(driver, connection, tmp_path) -> None:
    spec = resolve_path(image(tmp_path / "disk.qcow2", "3G"))
    store_now(driver, spec)
    (facts,) = volumes.facts(pools.require(connection, POOL), {spec.volume})
    assert (facts.format, facts.capacity) == ("qcow2", 3 << 30)


def test_a_file_that_changed_after_the_plan_is_not_stored(driver, store, connection, tmp_path) -> None:
    path = image(tmp_path / "disk.qcow2")
    spec = resolve_path(path)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(LabctlError, match="not sha256-"):
        store_now(driver, spec)
    assert pools.find(connection, POOL) is None


@pytest.mark.parametrize("seed", range(4))
def test_the_store_never_has_what_another_user_swapped_in(driver, store, connection, seed) -> None:
    """He owns the file, and swaps it for one with a backing file whenever it is opened or read."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        disk = image(Path(name) / "disk.qcow2")
        bad = Path(name) / "bad.qcow2"
        create = [
            "qemu-img",
            "create",
            "-q",
            "-f",
            "qcow2",
            "-F",
            "raw",
            "-b",
            "/etc/shadow",
            "-u",
            bad,
            "64M",
        ]
        subprocess.run(create, check=True)
        bad.write_bytes(bad.read_bytes().ljust(disk.stat().st_size, b"\0"))
        spec = resolve_path(disk)
        with swapper.swapping(disk, bad, seed):
            for _ in range(15):
                with suppress(LabctlError):
                    store_now(driver, spec)
                pool = pools.find(connection, POOL)
                if pool is not None and spec.key in store.observe({spec.key}):
                    data = content(connection, pool, spec.volume)
                    assert f"sha256-{hashlib.sha256(data).hexdigest()}" == spec.key
                    assert not volumes.facts(pool, {spec.volume})[0].backing
                    store.delete(spec.key)


@pytest.mark.parametrize("blob", [False, True])
def test_what_came_from_a_file_of_this_machine_is_for_its_owner_alone(
    driver, connection, tmp_path, *, blob
) -> None:
    spec = resolve_path(raw(tmp_path / "disk.raw"), blob=blob)
    store_now(driver, spec)
    pool = pools.require(connection, POOL)
    modes = {name: Path(volumes.path(pool, name)).stat().st_mode & 0o777 for name in volumes.names(pool)}
    assert modes == {spec.volume: 0o600, f"{spec.key}.ok": 0o600, f"{spec.key}.seen": 0o644}


def test_half_an_upload_is_made_whole(driver, store, connection, tmp_path) -> None:
    """Kill -9 in the middle: a part of the volume is there, no marker; the next run completes it."""
    disk = raw(tmp_path / "big.img", data=os.urandom(100 << 20))
    spec = resolve_path(disk)
    victim = start_store(disk)
    wait_for_volume(connection, spec.volume)
    victim.kill()
    victim.wait()
    assert store.observe({spec.key}) == {}
    store_now(driver, spec)
    assert spec.key in store.observe({spec.key})


def test_many_at_once_upload_once(driver, store, connection, tmp_path) -> None:
    disk = image(tmp_path / "disk.qcow2")
    runs = [start_store(disk) for _ in range(4)]
    assert [run.wait(60) for run in runs] == [0] * len(runs)
    assert resolve_path(disk).key in store.observe({resolve_path(disk).key})


def test_an_image_in_use_is_not_deleted(driver, store, connection, pool, tmp_path) -> None:
    spec = resolve_path(image(tmp_path / "disk.qcow2"))
    store_now(driver, spec)
    base = volumes.path(pools.require(connection, POOL), spec.volume)
    volumes.create(pool, "web.root", capacity=64 << 20, backing=(base, "qcow2"))
    with pytest.raises(LabctlError, match=r"labctl-t/web\.root"):
        store.delete(spec.key)
    volumes.delete(pool, "web.root")
    store.delete(spec.key)
    assert store.observe({spec.key}) == {}


@pytest.mark.slow
def test_debian_is_stored_with_its_kernel(connection) -> None:
    """From the cache of builds: `make prepare` fills it, since this network reaches no package archive."""
    debian.built()
    opened = Host(URI)
    driver, spec = ImageDriver(opened), resolve_recipe("debian-12", "x86_64")
    store_now(driver, spec)
    assert ImageStore(opened).observe({spec.key})[spec.key].size == spec.size
    assert {spec.volume, spec.kernel, spec.initrd} <= volumes.names(pools.require(connection, POOL))
    opened.close()


def start_store(path: Path) -> subprocess.Popen[bytes]:
    """What a labctl of its own process does."""
    code = "import sys; from tests.e2e import test_images; test_images.store_file(sys.argv[1])"
    return subprocess.Popen([sys.executable, "-c", code, path], cwd=Path(__file__).parents[2])


def store_file(path: str) -> None:
    store_now(ImageDriver(Host(URI)), resolve_path(Path(path)))


def store_now(driver: ImageDriver, spec: ImageSpec) -> None:
    asyncio.run(driver.fetch(spec, silent))


def wait_for_volume(connection: libvirt.virConnect, name: str) -> None:
    for _ in range(600):
        pool = pools.find(connection, POOL)
        if pool is not None and name in volumes.names(pool):
            return
        time.sleep(0.01)
    pytest.fail(f"{name} did not appear")
