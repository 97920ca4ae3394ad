"""What stands on a disk that is to be deleted."""

import pytest

from labctl.core.errors import LabctlError
from labctl.host.libvirt import disk_users, pools, volumes
from labctl.host.libvirt.disk_users import Use
from labctl.host.libvirt.volumes import Facts
from labctl.kinds.disk.overlays import Overlays


def volume(name, backing=None):
    return Facts(name, f"/pool/{name}", 1 << 20, 1 << 20, "qcow2", f"/pool/{backing}" if backing else None)


@pytest.fixture
def ground(monkeypatch):
    """A look at a pool where overlays stand on one another, and a domain runs on one."""
    every = [
        volume("web.root"),
        volume("web.e1", "web.root"),
        volume("web.e2", "web.e1"),
        volume("db.e1", "db.root"),
    ]
    looks = []
    monkeypatch.setattr(pools, "refresh", looks.append)
    monkeypatch.setattr(volumes, "facts", lambda _pool: every)
    users = {"/pool/web.e2": [Use("other", "u-1", running=True)]}
    monkeypatch.setattr(disk_users, "of_files", lambda _virt, **_which: users)
    made = Overlays()
    made.read_once(None, "pool")
    made.read_once(None, "pool")
    assert looks == ["pool"], "it looks once"
    return made


def names(facts):
    return [each.name for each in facts]


def test_all_that_stands_on_it_is_found_from_the_bottom_up(ground):
    assert names(ground.above(["/pool/web.root"])) == ["web.e1", "web.e2"]
    assert names(ground.above(["/pool/db.root"])) == ["db.e1"]
    assert ground.above(["/pool/log.root"]) == []


def test_paths_above_the_disk_that_are_known_already_count_once(ground):
    assert names(ground.above(["/pool/web.e1", "/pool/web.root"])) == ["web.e1", "web.e2"]


def test_a_domain_that_runs_on_it_now_is_named(ground, monkeypatch):
    """It may have ended since the look."""
    monkeypatch.setattr(disk_users, "now", lambda _virt, _use: {"/pool/web.e2", "/pool/web.root"})
    with pytest.raises(LabctlError, match="the domain other runs on it") as caught:
        ground.refuse_if_running(None, ["/pool/web.root", "/pool/web.e2"])
    assert caught.value.hint == "end it first: `virsh shutdown other`"
    monkeypatch.setattr(disk_users, "now", lambda _virt, _use: set())
    ground.refuse_if_running(None, ["/pool/web.root", "/pool/web.e2"])
