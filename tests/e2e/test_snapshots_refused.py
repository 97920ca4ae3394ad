"""Snapshots that can't be restored on this host are refused before anything changes."""

import pytest

from tests.e2e.test_snapshots import POOL, quick_lab, states


def spoilt(path, was, now):
    """A function that puts other words, as long, into the one file that `path` finds in the pool."""

    def spoil():
        (file,) = POOL.glob(path)
        content = file.read_bytes()
        assert was in content
        file.write_bytes(content.replace(was, now))

    return spoil


def gone(path):
    def spoil():
        (file,) = POOL.glob(path)
        file.unlink()

    return spoil


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (gone("_snapshot.s1.memory.web"), "it can't be restored without _snapshot.s1.memory.web"),
        (spoilt("_snapshot.s1.memory.web", b"Nehalem<", b"Haswell<"), "does not provide required features: "),
        (spoilt("_snapshot.s1.memory.web", b"Nehalem<", b"Nonesuc<"), "its QEMU has no model Nonesuc"),
        (spoilt("_snapshot.s1.memory.web", b"pc-q35-", b"pc-q99-"), "web is a machine pc-q99-"),
        (
            spoilt("_snapshot.s1.memory.web", b"CODE_4M", b"CODE_9M"),
            "web boots by /usr/share/OVMF/OVMF_CODE_9M",
        ),
        (spoilt("_snapshot.s1.description", b"pc-q35-", b"pc-q99-"), "off is a machine pc-q99-"),
    ],
)
def test_what_cant_go_on_here_is_refused_before_anything_changes(make_lab, spoil, why):
    cpu = {"machine": "q35", "cpu": {"mode": "custom", "model": "Nehalem"}}
    web = {"networks": ["front"], "firmware": "uefi", **cpu}
    lab = make_lab(quick_lab(web=web, off={"state": "off", "machine": "q35"}))
    lab.up()
    lab.ok("snapshot", "save", "s1")
    lab.content["networks"]["side"] = {}
    lab.content["vms"]["new"] = {"networks": ["side"]}
    lab.up()
    spoil()
    refused = lab.run("snapshot", "restore", "s1", "--yes")
    assert refused.code == 1
    assert why in refused.stderr
    assert states(lab) == {"web": "running", "off": "off", "new": "running"}
    assert lab.plan() == {}
