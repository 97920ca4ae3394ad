"""A warm state as the JSON beside its parts."""

import json

import pytest

from labctl.core.record import replace
from labctl.kinds.warm import description
from labctl.kinds.warm.spec import WarmSpec
from tests.unit.kinds.warm.conftest import KEY

UNREADABLE = WarmSpec("shop", KEY, problem="this labctl can't read its description")


def test_what_is_written_is_read(warm):
    assert description.read("shop", KEY, description.write(warm)) == warm


def test_what_is_measured_is_not_written(warm):
    content = description.write(replace(warm, size=9, problem="x"))
    read = description.read("shop", KEY, content)
    assert (read, read.size) == (warm, 0)


def test_another_labs_description_is_not_read(warm):
    whole = description.write(warm)
    assert description.read("other", KEY, whole).problem
    assert description.read("shop", "k2", whole).problem


def test_any_part_of_a_description_is_one_that_cant_be_read(warm):
    """A run that was killed may leave that."""
    whole = description.write(warm)
    for length in range(len(whole)):
        assert description.read("shop", KEY, whole[:length]) == UNREADABLE
    assert description.read("shop", KEY, whole[:-20] + bytes(20)) == UNREADABLE


def parts(**fields):
    """Of the VM, with these fields."""
    return {
        "vms": [{"name": "web", "memory": f"_warm.shop.{KEY}.memory.web", "definition": "<domain/>"} | fields]
    }


@pytest.mark.parametrize(
    "edit",
    [
        {"format": 2},
        {"more": 1},
        {"vms": 3},
        {"vms": [{}]},
        {"vms": ["web"]},
        parts(more=1),
        parts(bytes="9"),
        parts(name=None),
        parts(definition="<domain>"),
        parts(definition=""),
        parts(memory="_warm.shop.other.memory.web"),
        parts(memory="web"),
        parts(variables="debian-12.img"),
        parts(name="../web", memory=f"_warm.shop.{KEY}.memory.../web"),
        {"disks": [{"name": "web/root", "volume": "debian-12.img"}]},
        {"disks": [{"name": "web/root"}]},
        {"disks": [["web/root", ""]]},
        {"parts": [["Labfile"]]},
        {"parts": None},
        {"stamps": 7},
        {"taken": ""},
        {"taken": None},
        {"taken": 20261126},
        {"taken": "yesterday"},
        {"taken": "0001-01-01T00:00:00+23:00"},
        {"taken": "2026-13-26T12:03:09+00:00"},
        {"paused_s": "long"},
        {"secret": "no hex"},
        {"secret": None},
    ],
)
def test_what_another_labctl_wrote_or_someone_edited_cant_be_read(warm, edit):
    values = json.loads(description.write(warm)) | edit
    assert description.read("shop", KEY, json.dumps(values).encode()) == UNREADABLE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{",
        bytes(300),
        b"[]",
        b"null",
        b"{}",
        b"3",
        b"[" * 100_000,
        b'{"format":' + b"1" * 5000 + b"}",
    ],
)
def test_any_bytes_are_no_traceback(content):
    assert description.read("shop", KEY, content) == UNREADABLE


def test_other_fields_are_another_format(warm):
    """Who changes them raises the format and this list, so that a labctl tells what it can't read."""
    content = json.loads(description.write(warm))
    assert description.FORMAT == 1
    assert [" ".join(each) for each in (content, content["vms"][0], content["disks"][0])] == [
        "format lab key parts taken took_s paused_s vms disks secret stamps",
        "name memory bytes variables definition private_key public_key",
        "name volume",
    ]


def test_secrets_are_in_no_text_of_it(warm):
    assert "PRIVATE" not in repr(warm)
    assert warm.secret not in repr(warm)
