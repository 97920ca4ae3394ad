"""A snapshot as the JSON beside its parts."""

import json

import pytest

from labctl.core.record import replace
from labctl.kinds.snapshot import description


def test_what_is_written_is_read(snapshot):
    assert description.read("shop", "s1", description.write(snapshot)) == snapshot


def test_what_is_only_wanted_or_measured_is_not_written(snapshot):
    content = description.write(replace(snapshot, restored=True, size=9))
    assert description.read("shop", "s1", content) == snapshot


def test_a_description_that_is_not_whole_or_not_this_ones_is_none(snapshot):
    whole = description.write(snapshot)
    assert description.read("shop", "s1", whole[:-20]) is None
    assert description.read("other", "s1", whole) is None
    assert description.read("shop", "s2", whole) is None


@pytest.mark.parametrize(
    "edit",
    [
        {"format": 2},
        {"vms": [{}]},
        {"vms": 3},
        {"vms": [{"name": "web", "state": "flying", "layers": []}]},
        {"more": 1},
        {"copies": ["x"]},
    ],
)
def test_a_description_that_someone_edited_is_no_traceback(snapshot, edit):
    values = json.loads(description.write(snapshot)) | edit
    assert description.read("shop", "s1", json.dumps(values).encode()) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b"{"])
def test_any_bytes_are_no_traceback(content):
    assert description.read("shop", "s1", content) is None
