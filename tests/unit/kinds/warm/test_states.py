"""Which volumes of the store are parts of a warm state."""

from types import SimpleNamespace

import pytest

from labctl.core.record import replace
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.volumes import Facts
from labctl.kinds.warm import description, states
from tests.unit.kinds.warm.conftest import KEY, START

OTHER = "_warm.shop.ffff."
FOREIGN = {
    "debian-12.img",
    "_warm.shop",
    "_warm.",
    f"_warmth.shop.{KEY}.description",
    "_warm.office.k.memory.a",
}


class Store(dict):
    """The pool of the store: volume → content."""


@pytest.fixture
def store(monkeypatch):
    made = Store()
    monkeypatch.setattr(volumes, "names", set)
    monkeypatch.setattr(
        volumes, "stamps", lambda pool, names, *_: {name: "1" for name in names if pool.get(name)}
    )
    monkeypatch.setattr(volumes, "download", lambda _virt, pool, name: pool[name])
    monkeypatch.setattr(
        volumes,
        "facts",
        lambda pool, names: [Facts(name, allocation=len(pool[name])) for name in names if name in pool],
    )
    return made


def test_what_has_no_description_is_left_by_a_killed_run():
    whole = {f"{START}description", f"{START}memory.web"}
    torn = {f"{OTHER}memory.web", f"{OTHER}disk.web.root"}
    assert states.leftovers(whole | torn | FOREIGN, "shop") == torn
    assert states.leftovers(whole | torn | FOREIGN) == torn | {"_warm.office.k.memory.a"}


def test_the_newest_is_last_and_has_its_own_size(warm, store):
    newer = replace(warm, key="ffff", vms=(), disks=(), taken="2027-01-01T00:00:00+00:00")
    store[f"{OTHER}description"] = description.write(newer)
    store[f"{START}description"] = whole = description.write(warm)
    store[f"{START}memory.web"] = b"123"
    found = states.every(None, store, "shop")
    assert [each.key for each in found] == [KEY, "ffff"]
    assert [each.size for each in found] == [len(whole) + 3, len(description.write(newer))]
    assert states.every(None, store, "office") == []


def test_one_that_cant_be_read_is_told_and_stands_in_nobodys_way(warm, store):
    store[f"{START}description"] = description.write(warm)
    store[f"{OTHER}description"] = b"{"
    assert [bool(each.problem) for each in states.every(None, store, "shop")] == [True, False]


def test_all_of_one_is_deleted_and_nothing_else_the_description_last(warm, store, monkeypatch):
    mine = {f"{START}description", f"{START}memory.web", f"{START}more"}
    store.update(dict.fromkeys(mine | FOREIGN | {f"{OTHER}description"}, b""))
    gone = []
    monkeypatch.setattr(volumes, "delete", lambda _pool, name: gone.append(name))
    states.delete(store, warm)
    assert set(gone) == mine
    assert gone[-1] == f"{START}description"


def test_its_stamps_are_those_of_its_volumes_and_of_the_images_below(warm, monkeypatch):
    below = [Facts("x", backing="/store/debian-12.img"), Facts("y")]
    monkeypatch.setattr(volumes, "facts", lambda _pool, _names: below)
    monkeypatch.setattr(volumes, "stamps", lambda _pool, names, _parts: dict.fromkeys(names, "1"))
    assert dict(states.stamps(SimpleNamespace(), warm)).keys() == states.parts(warm) | {"debian-12.img"}


def test_what_is_missing_is_not_what_it_was(warm, store):
    """Neither if it was there, nor if nobody noticed that it was missing."""
    store.update(dict.fromkeys(states.parts(warm), b"1"))
    whole = states.stamps(store, warm)
    assert dict(whole) == dict.fromkeys(states.parts(warm), "1")
    for part in states.parts(warm):
        lacking = store.pop(part)
        less = tuple(each for each in whole if each[0] != part)
        assert states.stamps(store, warm) not in (whole, less)
        store[part] = lacking


def test_what_saves_left_is_swept_also_what_libvirt_did_not_notice(warm, store, monkeypatch):
    whole = {f"{OTHER}description", f"{OTHER}memory.web"}
    store.update(dict.fromkeys(whole | FOREIGN | {f"{START}description", "_warm.shop.k.disk.web.root"}, b""))
    monkeypatch.setattr(pools, "refresh", lambda pool: pool.update({f"{START}memory.web": b""}))
    monkeypatch.setattr(volumes, "delete", lambda pool, name: pool.pop(name))
    states.sweep(store, warm)
    assert store.keys() == whole | FOREIGN
