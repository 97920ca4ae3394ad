"""Recipes: what a Labfile may ask for, and which inputs make another image."""

import os
import shutil
from pathlib import Path

import pytest

from labctl import resources
from labctl.core.errors import LabctlError, Rejected
from labctl.core.record import replace
from labctl.host.builds import apt
from labctl.host.builds.image_build import File, ImageBuild
from labctl.host.builds.recipe import Recipe, catalogue_recipe, custom_recipe

PLAIN = ImageBuild("debian", "bookworm")
VERSIONS = {"web": "1", "lib": "2"}


@pytest.fixture(autouse=True)
def no_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "resolve", lambda *_asked: None)


def made(wanted: ImageBuild = PLAIN, **changes) -> Recipe:
    return custom_recipe(replace(wanted, **changes), "x86_64")


def test_a_name_of_the_catalogue_is_a_recipe_like_any_other() -> None:
    assert catalogue_recipe("debian-12", "x86_64").key == made().key


def test_packages_come_on_top_of_what_every_guest_needs() -> None:
    packages = made(packages=("nginx", "curl")).packages
    assert {"nginx", "cloud-init", "openssh-server", "linux-image-cloud-amd64"} <= set(packages)
    assert packages.count("curl") == 1


def test_every_image_has_rsync_for_folders() -> None:
    for distribution, suite in (("debian", "bookworm"), ("ubuntu", "noble")):
        assert "rsync" in made(ImageBuild(distribution, suite)).packages


def test_a_bootable_image_has_what_grows_its_root() -> None:
    assert "cloud-guest-utils" in made(bootable=True).packages
    assert "cloud-guest-utils" not in made().packages


def test_each_input_makes_another_key(tmp_path) -> None:
    source = tmp_path / "source"
    source.write_text("one")
    recipes = [
        made(),
        made(suite="trixie"),
        made(packages=("nginx",)),
        made(packages=("nginx=1.2",)),
        made(size=5 << 30),
        made(files=(File("/etc/motd", content="one"),)),
        made(files=(File("/etc/motd", content="two"),)),
        made(files=(File("/etc/issue", content="one"),)),
        made(files=(File("/etc/motd", content="one", mode=0o600),)),
        made(run=("true", "false")),
        made(run=("false", "true")),
        made(run=("truefalse",)),
        made(bootable=True),
        custom_recipe(PLAIN, "aarch64"),
    ]
    keys = {each.key for each in recipes}
    assert len(keys) == len(recipes)
    from_file = made(files=(File("/etc/motd", source=source),))
    assert from_file.key == recipes[5].key
    source.write_text("two")
    assert from_file.key == recipes[6].key


def test_the_order_of_packages_and_files_makes_no_other_key() -> None:
    files = (File("/etc/a", content="a"), File("/etc/b", content="b"))
    first = made(packages=("nginx", "lsof"), files=files)
    assert first.key == made(packages=("lsof", "nginx", "lsof"), files=files[::-1]).key


def test_versions_make_another_key_of_the_same_recipe(monkeypatch) -> None:
    without = made().key
    monkeypatch.setattr(apt, "resolve", lambda *_asked: VERSIONS)
    first = made().key
    monkeypatch.setattr(apt, "resolve", lambda *_asked: {**VERSIONS, "lib": "3"})
    second = made().key
    assert len({without, first, second}) == 3
    assert all(made().has_key(key) for key in (without, first, second))
    assert not made(packages=("nginx",)).has_key(first)


def test_only_the_key_asks_apt(monkeypatch) -> None:
    monkeypatch.setattr(apt, "resolve", lambda *_asked: pytest.fail("asked"))
    plain = made()
    assert plain.has_key(plain.key_with(VERSIONS))
    assert not catalogue_recipe("debian-12", "aarch64").has_key(plain.key_with(None))


def test_each_of_labctls_own_files_is_in_the_key(tmp_path, monkeypatch) -> None:
    shutil.copytree(resources.folder("templates") / "images", tmp_path / "templates/images")
    monkeypatch.setattr(resources, "folder", lambda name: tmp_path / name)
    keys = {made().key}
    base = tmp_path / "templates/images/base"
    names = ("debian.json", "tune.sh", "finish.sh", "pack.sh", "grub.cfg", "files/etc/fstab")
    for name in names:
        (base / name).write_bytes((base / name).read_bytes() + b"\n")
        keys.add(made().key)
    assert len(keys) == len(names) + 1


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(LabctlError, match=r"can't read what becomes /etc/motd: No such file"):
        _ = made(files=(File("/etc/motd", source=Path("/nowhere/motd")),)).key


def test_what_is_no_regular_file_is_not_read(tmp_path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(LabctlError, match="not a regular file"):
        _ = made(files=(File("/etc/motd", source=tmp_path / "fifo"),)).key


def test_no_image_for_an_architecture_that_no_one_made() -> None:
    with pytest.raises(LabctlError, match="not made for riscv64"):
        custom_recipe(PLAIN, "riscv64")


def test_sizes_are_whole_mebibytes() -> None:
    assert made(size=(4 << 30) + 1).size == (4 << 30) + (1 << 20)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"distribution": "debain"}, "distribution"),
        ({"suite": "bookworm main"}, "suite"),
        ({"suite": "../sid"}, "suite"),
        ({"size": 1 << 20}, "size"),
        ({"packages": ("ok", "nginx vim")}, "packages.1"),
        ({"packages": ("Nginx",)}, "packages.0"),
        ({"packages": ("nginx-",)}, "packages.0"),
        ({"packages": ("?essential",)}, "packages.0"),
        ({"packages": ("a,b",)}, "packages.0"),
        ({"packages": ("-oDir=/",)}, "packages.0"),
        ({"packages": ("nginx=",)}, "packages.0"),
        ({"files": (File("etc/motd", content=""),)}, "files.0.target"),
        ({"files": (File("/etc/../motd", content=""),)}, "files.0.target"),
        ({"files": (File("/etc/", content=""),)}, "files.0.target"),
        ({"files": (File("/", content=""),)}, "files.0.target"),
        ({"files": (File("//etc/motd", content=""),)}, "files.0.target"),
        ({"files": (File("/etc/mo\ntd", content=""),)}, "files.0.target"),
        ({"files": (File("/proc/version", content=""),)}, "files.0.target"),
        ({"files": (File("/tmp/a", content=""),)}, "files.0.target"),
        ({"files": (File("/a", content=""), File("/a", content=""))}, "files.1.target"),
        ({"files": (File("/etc/motd"),)}, "files.0"),
        ({"files": (File("/etc/motd", source=Path("/a"), content=""),)}, "files.0"),
        ({"files": (File("/etc/motd", source=Path("motd")),)}, "files.0.source"),
        ({"files": (File("/etc/motd", content="", mode=0o17777),)}, "files.0.mode"),
        ({"run": ("true", " ")}, "run.1"),
        ({"run": ("a\0b",)}, "run.0"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_field(changes, path: str) -> None:
    with pytest.raises(Rejected) as raised:
        made(**changes)
    assert [each.path for each in raised.value.problems] == [path]


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(Rejected) as raised:
        made(distribution="debain", packages=("A", "B"), run=("",))
    assert [str(each) for each in raised.value.problems] == [
        "distribution: no distribution is called debain (did you mean debian?)",
        "packages.0: 'A' is no package's name (NAME or NAME=VERSION)",
        "packages.1: 'B' is no package's name (NAME or NAME=VERSION)",
        "run.0: this is no line for a shell",
    ]


@pytest.mark.parametrize("name", ["g++", "libstdc++6", "nginx", "gcc-12", "python3.11", "nginx=1:2.0-1+b1~x"])
def test_names_that_debian_uses_are_taken(name: str) -> None:
    assert name in made(packages=(name,)).packages
