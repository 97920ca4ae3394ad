"""What `prune` takes for unneeded."""

import pytest

from labctl.app.images import prune
from labctl.engine import overview
from labctl.host.files import cache
from labctl.host.host import Host
from labctl.host.machine import lock
from labctl.kinds.image.content import files_lock_name
from labctl.kinds.image.driver import lock_of
from labctl.kinds.image.store import ImageStore

KEY = "sha256-" + "a" * 64


@pytest.fixture(autouse=True)
def host(monkeypatch, tmp_path):
    """An empty store with what a run left, a cache with a download, and no lab."""
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(overview, "look", lambda _host: overview.Overview([], []))
    monkeypatch.setattr(ImageStore, "stored", lambda _store: [])
    monkeypatch.setattr(ImageStore, "leftovers", lambda _store: {f"{KEY}.img": 1})
    (cache.folder("downloads") / KEY).write_bytes(b"x")


def found() -> list[str]:
    return [each.what.split()[0] for each in prune.unneeded(Host("qemu:///system"), None)]


def test_what_nobody_is_at_may_go():
    assert found() == ["volume", "download"]


def test_a_download_that_is_being_stored_stays():
    """It came whole, and is unpacked or uploaded now: on this host, or another one."""
    with lock.held(files_lock_name(KEY)):
        assert found() == ["volume"]


def test_what_someone_began_to_use_since_stays(tmp_path):
    told: list[str] = []
    needless = prune.unneeded(Host("qemu:///system"), None)
    with lock.held(files_lock_name(KEY)), Host("qemu:///system").lock(lock_of(KEY)):
        assert list(prune.remove(Host("qemu:///system"), needless, told.append)) == []
    assert len(told) == len(needless)
    assert (tmp_path / "cache/downloads" / KEY).exists()


def test_a_volume_that_became_part_of_an_image_stays(monkeypatch):
    (volume, _) = prune.unneeded(Host("qemu:///system"), None)
    monkeypatch.setattr(ImageStore, "leftovers", lambda _store: {})
    assert list(prune.remove(Host("qemu:///system"), [volume], print)) == []
