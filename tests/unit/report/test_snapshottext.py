"""Snapshots as people see them."""

from datetime import UTC, datetime

from labctl.core.lifecycle import State
from labctl.kinds.snapshot.overview import Shown, SnapshotList
from labctl.kinds.snapshot.spec import SavedVm, SnapshotSpec
from labctl.report import snapshottext
from labctl.report.colour import Paint

NOW = datetime(2026, 11, 26, 15, 10, tzinfo=UTC)


def one(name, *below, taken="2026-11-26T12:03:09+00:00"):
    vms = (SavedVm("web", State.RUNNING, memory="m"), SavedVm("db", State.OFF))
    return SnapshotSpec(
        "shop", name, taken=taken, ancestors=below, vms=vms, size=310 << 20, message=f"for {name}"
    )


def test_the_tree_shows_what_stands_on_what_and_where_the_lab_is():
    found = SnapshotList(
        "shop", (one("s1"), one("s2", "s1"), one("s3", "s2", "s1"), one("s4", "s1")), ("s2", "s1")
    )
    assert snapshottext.tree(found, NOW, Paint(), None).splitlines() == [
        "SNAPSHOT                 AGE  SIZE    VMS      MESSAGE",
        "s1                       3 h  310MiB  db, web  for s1",
        "├─ s2                    3 h  310MiB  db, web  for s2",
        "│  ├─ s3                 3 h  310MiB  db, web  for s3",
        "│  └─ (the lab is here)",
        "└─ s4                    3 h  310MiB  db, web  for s4",
    ]


def test_ages_are_in_the_largest_unit_that_fits_and_a_broken_moment_is_no_error():
    ages = {"2026-11-26T15:09:59+00:00": "1 s", "2026-11-26T15:00:00+00:00": "10 min"}
    ages |= {"2026-11-20T15:10:00+00:00": "6 d", "2027-01-01T00:00:00+00:00": "0 s"}
    assert {moment: snapshottext.age(one("s", taken=moment), NOW) for moment in ages} == ages
    assert snapshottext.age(one("s", taken="yesterday"), NOW).endswith(" d")


def test_one_snapshot_in_full():
    text = snapshottext.in_full(Shown(SnapshotList("shop", (one("s1"),), ()), one("s1")))
    assert "taken       2026-11-26 12:03" in text
    assert "VMs         web running, with memory; db off" in text
    assert "stands on" not in text


def test_of_one_that_cant_be_read_the_reason_is_shown():
    broken = SnapshotSpec("shop", "s1", size=310 << 20, problem="it can't be read")
    found = SnapshotList("shop", (broken,), ())
    row = snapshottext.tree(found, NOW, Paint(), None).splitlines()[1]
    assert row.split(None, 4) == ["s1", "-", "310MiB", "-", "it can't be read"]
    text = snapshottext.in_full(Shown(found, broken))
    assert text.splitlines() == ["snapshot    s1", "problem     it can't be read", "size        310MiB"]
