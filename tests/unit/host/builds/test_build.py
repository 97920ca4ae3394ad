"""Building without a build: what it takes, the programs that are run, what the cache is believed."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.builds import apt, build, partition
from labctl.host.builds.image_build import File, ImageBuild
from labctl.host.builds.recipe import content
from labctl.host.files import cache
from labctl.host.machine import command

VERSIONS = {"lib": "1.0", "web": "2.0"}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of the test's own; and no apt, whose answer would be this host's."""
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(apt, "resolve", lambda *_asked: None)


def plain(**asked) -> build.Recipe:
    return build.custom_recipe(ImageBuild("debian", "bookworm", **asked), os.uname().machine)


def leave_build(recipe: build.Recipe, key: str = "") -> Path:
    """What a build would leave in the cache."""
    folder = cache.folder("builds") / (key or recipe.key)
    folder.mkdir()
    bootable = recipe.build.bootable
    (folder / build.MANIFEST).write_text(apt.manifest(VERSIONS))
    names = [build.IMAGE, *([] if bootable else [build.KERNEL, build.INITRD])]
    for name in names:
        (folder / name).write_bytes(b"content")
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (*names, build.MANIFEST)
    }
    facts = {
        "digests": digests,
        "virtual_size": recipe.size,
        "bootable": bootable,
        "cmdline": recipe.cmdline,
    }
    (folder / build.FACTS).write_text(json.dumps(facts))
    return folder


def without(*tools: str):
    return lambda tool: None if tool in tools else "/x"


def test_a_file_that_is_swapped_meanwhile_is_not_what_goes_into_the_image(monkeypatch, tmp_path) -> None:
    """The key was made of what it was before."""
    source = tmp_path / "motd"
    source.write_text("one")
    recipe = plain(files=(File("/etc/motd", source),))
    key = recipe.key
    monkeypatch.setattr(build, "_require", lambda _recipe: source.write_text("other"))
    went = []

    def make(recipe: build.Recipe, work: Path, _notify: object) -> None:
        went.extend(content(file) for file in recipe.build.files)
        leave_build(recipe, work.name)

    monkeypatch.setattr(build, "_build_into", lambda done, recipe, notify: make(recipe, done, notify))
    assert build.build(recipe, print).key == key
    assert went == [b"one"]


def test_missing_tools_are_named_with_their_packages(monkeypatch) -> None:
    monkeypatch.setattr(command, "path", without("mmdebstrap", "qemu-img"))
    with pytest.raises(LabctlError, match="mmdebstrap, qemu-utils") as raised:
        build.build(build.catalogue_recipe("debian-12", os.uname().machine), print)
    assert "apt install mmdebstrap qemu-utils" in raised.value.hint


def test_only_a_bootable_image_needs_grub(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(command, "path", without("mmdebstrap", "mformat"))
    monkeypatch.setattr(partition, "GRUB", tmp_path)
    with pytest.raises(LabctlError) as raised:
        build.build(plain(), print)
    assert "apt install mmdebstrap;" in raised.value.hint
    with pytest.raises(LabctlError) as raised:
        build.build(build.custom_recipe(ImageBuild("debian", "bookworm", bootable=True), "x86_64"), print)
    assert "apt install grub-efi-amd64-bin grub-pc-bin mmdebstrap mtools;" in raised.value.hint


def test_ubuntu_is_built_where_apt_has_it(monkeypatch) -> None:
    monkeypatch.setattr(command, "path", without())
    monkeypatch.setattr(apt, "sources", lambda *_asked: [])
    noble = build.custom_recipe(ImageBuild("ubuntu", "noble"), os.uname().machine)
    with pytest.raises(LabctlError, match="ubuntu-noble can only be built where apt has the sources"):
        build.build(noble, print)


@pytest.mark.parametrize("bootable", [True, False])
def test_a_cached_build_is_believed_while_its_digests_are_right(monkeypatch, bootable) -> None:
    recipe = plain(bootable=bootable)
    folder = leave_build(recipe)
    built = build.build(recipe, print)
    assert (built.key, built.folder, built.bootable) == (recipe.key, folder, bootable)
    assert built.packages == VERSIONS
    assert built.manifest == apt.digest(VERSIONS)
    assert (build.KERNEL in built.digests) != bootable
    (folder / build.IMAGE).write_bytes(b"changed")
    monkeypatch.setattr(command, "path", lambda _tool: None)
    with pytest.raises(LabctlError, match="needs"):
        build.build(recipe, print)


def test_a_pinned_build_that_is_there_asks_no_apt(monkeypatch) -> None:
    recipe = plain()
    key = recipe.key_with(VERSIONS)
    leave_build(recipe, key)
    monkeypatch.setattr(apt, "resolve", lambda *_asked: pytest.fail("asked"))
    assert build.build(recipe, print, pinned=key).key == key


def test_a_pin_that_can_not_be_had_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(command, "path", without())
    pinned = plain().key_with(VERSIONS)
    monkeypatch.setattr(apt, "resolve", lambda *_asked: {**VERSIONS, "lib": "1.1"})
    with pytest.raises(LabctlError, match="apt knows other versions"):
        build.build(plain(), print, pinned=pinned)
    with pytest.raises(LabctlError, match="the recipe of debian-bookworm changed"):
        build.build(plain(run=("true",)), print, pinned=pinned)


def test_packages_that_came_out_otherwise_are_told() -> None:
    resolved = {"a": "1", "b": "1", "c": "1", "d": "1", "e": "1"}
    assert build.differences(resolved, {**resolved, "more": "1"}) == []
    (line,) = build.differences(resolved, {"a": "2", "b": "1", "c": "2", "d": "2"})
    assert line.endswith("a 2, not 1; c 2, not 1; d 2, not 1 and 1 more")
