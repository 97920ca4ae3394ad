"""What is told of a lab's snapshots."""

from labctl.core.record import replace
from labctl.kinds.snapshot.overview import Shown, SnapshotList
from labctl.kinds.snapshot.spec import SnapshotSpec
from tests import schemas


def test_it_fits_its_schema_and_a_parent_that_is_gone_is_none(snapshot):
    later = replace(snapshot, name="s2", ancestors=("gone", "s1", "s0"))
    found = SnapshotList("shop", (snapshot, later), ("s2", "s1"))
    told = found.to_json()
    schemas.fits(told, "snapshots")
    assert [each["parent"] for each in told["snapshots"]] == [None, "s1"]
    assert told["current"] == "s2"
    assert [each["name"] for each in Shown(found, later).to_json()["snapshots"]] == ["s2"]


def test_one_that_cant_be_read_is_told_with_its_problem(snapshot):
    told = SnapshotList(
        "shop", (SnapshotSpec("shop", "s0", problem="it can't be read"), snapshot), ()
    ).to_json()
    schemas.fits(told, "snapshots")
    assert [each["problem"] for each in told["snapshots"]] == ["it can't be read", None]
