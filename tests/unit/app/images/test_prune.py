"""What `prune` takes for unneeded."""

import pytest

from labctl.app.images import prune
from labctl.engine import overview
from labctl.host.files import cache
from labctl.host.host import Host
from labctl.host.machine import lock
from labctl.kinds.image.content import files_lock_name
from labctl.kinds.image.driver import lock_of
from labctl.kinds.image.spec import ImageSpec
from labctl.kinds.image.store import ImageStore, StoredImage
from labctl.kinds.warm import store as warm_store
from labctl.kinds.warm.spec import WarmSpec
from labctl.kinds.warm.store import StoredWarm

KEY = "sha256-" + "a" * 64


@pytest.fixture(autouse=True)
def host(monkeypatch, tmp_path):
    """An empty store with what a run left, a cache with a download, and no lab."""
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(overview, "look", lambda _host: overview.Overview([], []))
    monkeypatch.setattr(warm_store, "look", lambda _host: [])
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


def test_an_image_that_only_a_warm_state_needs_goes_with_it(monkeypatch):
    def state(lab: str, key: str, *users: str) -> StoredWarm:
        return StoredWarm(WarmSpec(lab, key), users)

    def image(name: str, *users: str) -> StoredImage:
        return StoredImage(ImageSpec(name, f"sha256-{name}"), 1, users, {})

    states = [
        state("gone", "1"),
        state("used", "2", "labctl-used/web.root"),
        state("both", "3", "labctl-both/web.root"),
        state("both", "4"),
    ]
    images = [
        image("a", "warm state of gone"),
        image("b", "warm state of gone", "warm state of used"),
        image("c", "warm state of both"),
        image("d", "warm state of gone", "labctl-x/web.root"),
    ]
    monkeypatch.setattr(warm_store, "look", lambda _host: states)
    monkeypatch.setattr(ImageStore, "stored", lambda _store: images)
    found = prune.unneeded(Host("qemu:///system"), None)
    assert [each.warm.key for each in found if each.warm] == ["1", "4"]
    assert [each.image.spec.label for each in found if each.image] == ["a"]
    assert [bool(each.warm) for each in found] == sorted([bool(each.warm) for each in found], reverse=True)


def test_what_a_lab_loses_is_told(monkeypatch):
    """A lab may run whose state no disk stands on, since it was booted and then saved."""
    whole = WarmSpec("shop", "1", taken="2026-11-26T12:03:09+00:00")
    torn = WarmSpec("shop", "2", problem="it was not saved to its end")
    monkeypatch.setattr(warm_store, "look", lambda _host: [StoredWarm(whole, ()), StoredWarm(torn, ())])
    told = [each.what for each in prune.unneeded(Host("qemu:///system"), None) if each.warm]
    assert told == [
        f"warm state of shop ({whole.moment}; no disk stands on it, and the next `labctl up` of the lab boots)",
        "warm state of shop (it was not saved to its end)",
    ]
