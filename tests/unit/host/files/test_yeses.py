"""The user's yeses in the state folder."""

import os
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.core.host_reach import Deed, HostReach
from labctl.core.record import replace
from labctl.host.files import yeses

LABFILE = Path("/labs/shop/Labfile.yaml")
KEY = HostReach(Deed.GIVES, "/home/joe/key", "vms.a.image", "Labfile.yaml:4:5", "outside", "sha256-1")
LINE = HostReach(Deed.RUNS, "echo", "vms.a.image.build.run[0]", "Labfile.yaml:5:5", "runs", "sha256-2")


@pytest.fixture(autouse=True)
def state(monkeypatch, tmp_path):
    monkeypatch.setenv("LABCTL_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_yes_is_kept_for_its_labfile_alone_and_taken_back_one_at_a_time():
    yeses.remember(LABFILE, [KEY])
    yeses.remember(LABFILE, [LINE, KEY])
    assert yeses.remembered(LABFILE) == (replace(KEY, trusted=True), replace(LINE, trusted=True))
    assert yeses.remembered(LABFILE.with_name("other.yaml")) == ()
    yeses.forget(LABFILE, [KEY.id])
    assert [each.subject for each in yeses.remembered(LABFILE)] == ["echo"]
    yeses.forget(LABFILE, [LINE.id])
    assert yeses.everything() == {}


def test_the_yeses_are_their_users_own(state):
    before = os.umask(0)
    try:
        yeses.remember(LABFILE, [KEY])
    finally:
        os.umask(before)
    (file,) = (state / "trust").iterdir()
    assert [each.stat().st_mode & 0o777 for each in (state / "trust", file)] == [0o700, 0o600]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 1, "labfile": "x", "reaches": [{}]}', "\xff"]
)
def test_what_can_not_be_read_is_no_yes(state, content):
    yeses.remember(LABFILE, [KEY])
    (file,) = (state / "trust").iterdir()
    file.write_text(content, encoding="latin-1")
    assert yeses.remembered(LABFILE) == ()


def test_a_yes_that_another_user_may_write_or_that_is_a_link_is_none(state):
    yeses.remember(LABFILE, [KEY])
    (file,) = (state / "trust").iterdir()
    file.chmod(0o666)
    assert yeses.remembered(LABFILE) == ()
    file.chmod(0o600)
    file.rename(file.with_suffix(".other"))
    file.symlink_to(file.with_suffix(".other").name)
    assert yeses.remembered(LABFILE) == ()


def test_where_none_can_be_kept_there_are_none(monkeypatch):
    monkeypatch.setenv("LABCTL_STATE_DIR", "/dev/null/nowhere")
    assert yeses.remembered(LABFILE) == ()
    with pytest.raises(LabctlError, match="can't"):
        yeses.remember(LABFILE, [KEY])
