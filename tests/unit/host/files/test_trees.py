"""What is in a folder."""

import os

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files import trees


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/file").write_text("one")
    return tmp_path


def test_a_change_of_name_size_time_or_mode_is_one(tree):
    seen = [trees.look(tree).digest]
    (tree / "sub/file").write_text("three")
    seen.append(trees.look(tree).digest)
    os.utime(tree / "sub/file", (1, 1))
    seen.append(trees.look(tree).digest)
    (tree / "sub/file").chmod(0o600)
    seen.append(trees.look(tree).digest)
    (tree / "sub/file").rename(tree / "sub/other")
    seen.append(trees.look(tree).digest)
    (tree / "a\udcff").touch()
    seen.append(trees.look(tree).digest)
    assert len(set(seen)) == len(seen)
    assert trees.look(tree).digest == seen[-1]


@pytest.mark.parametrize("place", [".labctl", "sub/.labctl", "sub/deeper/.labctl"])
def test_keys_of_labs_are_found_wherever_they_are(tree, place):
    before = trees.look(tree)
    (tree / place / "shop").mkdir(parents=True)
    after = trees.look(tree)
    assert (before.keys, after.keys) == (False, True)
    (tree / place / "shop/id_ed25519").write_text("key")
    assert trees.look(tree).digest == after.digest


def test_below_them_everything_has_keys(tree):
    (tree / ".labctl/shop").mkdir(parents=True)
    (tree / "link").symlink_to(".labctl/shop")
    assert trees.look(tree / ".labctl/shop").keys
    assert trees.look(tree / "link").keys


def test_links_are_not_followed(tree):
    (tree / "round").symlink_to(".")
    (tree / "gone").symlink_to("nowhere")
    assert trees.look(tree).digest


def test_too_many_files_are_told(tree, monkeypatch):
    monkeypatch.setattr(trees, "MOST", 1)
    with pytest.raises(LabctlError, match="more than 1 files"):
        trees.look(tree)
