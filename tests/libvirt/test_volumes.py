"""The volumes of a pool on the real API."""

import pytest

from labctl.core.errors import LabctlError
from labctl.host.libvirt import volumes


def test_they_are_told_by_name(pool):
    for name in ("b", "a"):
        volumes.create(pool, name, capacity=1 << 20)
    assert [(each.name, each.capacity, each.format) for each in volumes.facts(pool)] == [
        ("a", 1 << 20, "qcow2"),
        ("b", 1 << 20, "qcow2"),
    ]
    assert [each.name for each in volumes.facts(pool, {"b", "none"})] == ["b"]


def test_one_that_went_since_it_was_listed_is_left_out(pool, monkeypatch):
    volumes.create(pool, "a", capacity=1 << 20)
    monkeypatch.setattr(volumes, "dumps", lambda handles: [None for _ in handles])
    assert volumes.facts(pool) == []


def test_a_pool_that_cannot_be_listed_is_an_error(pool):
    pool.destroy()
    with pytest.raises(LabctlError, match="labctl-shop: can't list the volumes"):
        volumes.facts(pool)
