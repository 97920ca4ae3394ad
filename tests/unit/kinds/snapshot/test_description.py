"""A snapshot as the JSON beside its parts."""

import json

import pytest

from labctl.core.record import replace
from labctl.kinds.snapshot import description
from labctl.kinds.snapshot.spec import SnapshotSpec


def test_what_is_written_is_read(snapshot):
    assert description.read("shop", "s1", description.write(snapshot)) == snapshot


def test_what_is_only_wanted_or_measured_is_not_written(snapshot):
    content = description.write(replace(snapshot, restored=True, size=9))
    assert description.read("shop", "s1", content) == snapshot


def test_a_description_that_is_not_whole_is_none(snapshot):
    whole = description.write(snapshot)
    assert description.read("shop", "s1", whole[:-20]) is None
    assert description.read("shop", "s1", whole[:-20] + bytes(20)) is None


def test_another_snapshots_description_is_not_read(snapshot):
    whole = description.write(snapshot)
    assert description.read("other", "s1", whole) == unreadable(lab="other")
    assert description.read("shop", "s2", whole) == unreadable("s2")


def unreadable(name="s1", lab="shop"):
    return SnapshotSpec(lab, name, problem="this labctl can't read its description")


@pytest.mark.parametrize(
    "edit",
    [
        {"format": 2},
        {"vms": [{}]},
        {"vms": 3},
        {"vms": [{"name": "web", "state": "flying", "layers": []}]},
        {"more": 1},
        {"copies": ["x"]},
        {"copies": [{"volume": 1, "copy": "x"}]},
        {"vms": [{"name": "web", "state": "off", "layers": [{"disk": "web/root", "path": 3, "below": []}]}]},
        {"vms": [{"name": "web", "state": "off", "layers": [{"disk": "web/root", "path": "/p"}]}]},
        {"message": 3},
        {"taken": None},
        {"paused_s": "long"},
    ],
)
def test_what_another_labctl_wrote_or_someone_edited_is_a_snapshot_that_cant_be_read(snapshot, edit):
    values = json.loads(description.write(snapshot)) | edit
    assert description.read("shop", "s1", json.dumps(values).encode()) == unreadable()


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", bytes(300)])
def test_what_is_no_json_is_none(content):
    assert description.read("shop", "s1", content) is None


@pytest.mark.parametrize("content", [b"[]", b"null", b"{}", b"[" * 100_000])
def test_any_json_is_no_traceback(content):
    assert description.read("shop", "s1", content) == unreadable()


def test_other_fields_are_another_format(snapshot):
    """Who changes them raises the format and this list, so that a labctl tells what it can't read."""
    content = json.loads(description.write(snapshot))
    (web, _), (network,), (copied,) = content["vms"], content["saved_networks"], content["copies"]
    (layer,) = web["layers"]
    assert description.FORMAT == 1
    assert [" ".join(each) for each in (content, web, layer, network, copied)] == [
        "format lab name message taken paused_s ancestors vms saved_networks copies made_by host_cpu",
        "name state autostart definition layers memory",
        "disk path format below",
        "name active autostart definition",
        "volume copy",
    ]
