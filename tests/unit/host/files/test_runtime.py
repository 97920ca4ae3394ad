"""The folder for the files of one run."""

import os
import stat
import warnings

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files import runtime


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A user without a session, as after `su` or in cron: what is in the temporary folder is this user's place."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr(runtime.tempfile, "gettempdir", lambda: str(tmp_path))
    if os.geteuid() == 0:  # root's is in /run
        monkeypatch.setattr(runtime, "_place", lambda: tmp_path / "labctl-0")
    return tmp_path / f"labctl-{os.geteuid()}"


def test_without_a_session_it_is_in_the_temporary_folder(tmp_path, monkeypatch):
    """And nothing warns of it."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr(runtime.tempfile, "gettempdir", lambda: str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert runtime._place() == tmp_path / "labctl-54321"  # noqa: SLF001  # who makes it would be root
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime._place() == tmp_path / "labctl"  # noqa: SLF001


def test_it_is_made_for_its_owner_alone(user):
    before = os.umask(0o377)
    try:
        assert runtime.folder() == user
    finally:
        os.umask(before)
    assert stat.S_IMODE(user.stat().st_mode) == 0o700
    assert runtime.folder() == user


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (lambda path, elsewhere: path.symlink_to(elsewhere), "it is a link to "),
        (lambda path, _: path.touch(), "it is a file, not a folder"),
        (lambda path, _: os.mkfifo(path), "it is a FIFO, not a folder"),
        (lambda path, _: (path.mkdir(), os.chown(path, 54321, 54321)), "it is uid 54321's"),
        (lambda path, _: (path.mkdir(), path.chmod(0o777)), r"others may get at it \(its mode is 0777\)"),
    ],
)
def test_one_that_somebody_else_put_there_is_told_and_left_as_it_is(user, tmp_path, plant, told):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    plant(user, elsewhere)
    before = user.lstat().st_ctime_ns, elsewhere.lstat().st_ctime_ns
    with pytest.raises(LabctlError, match=told) as caught:
        runtime.folder()
    assert caught.value.where == str(user)
    assert (user.lstat().st_ctime_ns, elsewhere.lstat().st_ctime_ns) == before


def test_where_none_can_be_made_the_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_place", lambda: tmp_path / "file/labctl")
    (tmp_path / "file").touch()
    with pytest.raises(LabctlError, match="can't make it: Not a directory"):
        runtime.folder()
