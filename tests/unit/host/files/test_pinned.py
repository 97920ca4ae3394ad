"""Paths that are used only if they lead where they led."""

import os

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files import pinned


def test_what_is_put_in_its_place_is_not_what_is_used(tmp_path):
    page, key = tmp_path / "page", tmp_path / "key"
    page.write_text("page")
    key.write_text("key")
    with pinned.opened(page, str(page)) as path:
        page.unlink()
        page.symlink_to(key)
        assert path.read_text() == "page"
    with (
        pytest.raises(LabctlError, match="another place than when it was looked at"),
        pinned.opened(page, str(page)),
    ):
        pass


def test_a_link_is_used_as_long_as_it_leads_there(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    real = os.path.realpath(tmp_path / "link/new")
    pinned.check(tmp_path / "link/new", real)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("..")
    with pytest.raises(LabctlError, match="link/new"):
        pinned.check(tmp_path / "link/new", real)


def test_what_is_gone_is_told(tmp_path):
    with (
        pytest.raises(LabctlError, match="can't use it: No such file"),
        pinned.opened(tmp_path / "x", str(tmp_path / "x")),
    ):
        pass
