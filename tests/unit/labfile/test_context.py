"""Which files that a Labfile names lie outside of its folder: those that need a yes."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl.core.errors import LabctlError
from labctl.host.rootless import outside as rootless
from labctl.kinds.image.resolve import resolve_path
from labctl.labfile.load import load
from tests.unit.labfile.labfiles import HEAD, loaded, problems

FIELDS = {
    "image": "vms: {{a: {{image: {}}}}}\n",
    "image.path": "vms: {{a: {{image: {{path: {}}}}}}}\n",
    "boot.kernel": "vms: {{a: {{image: none, boot: {{kernel: {}}}}}}}\n",
    "boot.initrd": "vms: {{a: {{image: none, boot: {{kernel: ./inside, initrd: {}}}}}}}\n",
    "cloud_init.file": "vms: {{a: {{image: debian-12, cloud_init: {{file: {}}}}}}}\n",
    "disks[0].image": "vms: {{a: {{image: debian-12, disks: [{{name: d, image: {}}}]}}}}\n",
    "image.build.files[0].source": (
        "vms: {{a: {{image: {{build: {{suite: bookworm, files: [{{target: /etc/x, source: {}}}]}}}}}}}}\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Labfile's folder with files in it and links in both directions, beside a file that is somebody's own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home/key").write_text("password: hunter2\n")
    made = tmp_path / "lab"
    made.mkdir()
    (made / "inside").write_text("packages: [curl]\n")
    (made / "below").mkdir()
    (made / "below/link").symlink_to("../inside")
    (made / "out").symlink_to("../home/key")
    (made / "up").symlink_to("..")
    return made


def outside(folder: Path, text: str, **given) -> list[tuple[str, str]]:
    lab = loaded(folder, text, **given).lab
    return [(reach.subject, reach.field) for reach in lab.outside.values()]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("path", ["../home/key", "./out", "up/home/key", "~/key", "{home}/key"])
def test_a_file_from_outside_is_noted_with_its_real_path_and_its_field(folder, monkeypatch, field, path):
    home = folder.parent / "home"
    monkeypatch.setenv("HOME", str(home))
    found = outside(folder, FIELDS[field].format(path.format(home=home)))
    assert found == [(str(home / "key"), f"vms.a.{field}")]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "path", ["./inside", "below/link", "below/../inside", "../lab/inside", "up/lab/inside"]
)
def test_a_file_within_is_not_and_links_are_followed(folder, field, path):
    assert outside(folder, FIELDS[field].format(path)) == []


def test_the_place_is_that_of_the_path_and_the_reason_says_what_is_so(folder):
    (folder.parent / "home/other").write_text("theirs")
    (folder / "away").symlink_to("../home/other")
    lab = loaded(folder, "defaults: {image: ../home/key}\nvms: {a: {}, b: {boot: {kernel: ./away}}}\n").lab
    first, second = lab.outside.values()
    assert first.where == f"{folder}/Labfile.yaml:3:19"
    assert (first.field, first.reason) == ("defaults.image", "a file from outside the Labfile's folder")
    assert second.reason == "a link leads out of the Labfile's folder"


def test_one_file_by_two_ways_is_one_thing(folder):
    text = "vms: {a: {image: ../home/key, boot: {kernel: ./out}}}\n"
    assert outside(folder, text) == [(str(folder.parent / "home/key"), "vms.a.image")]


@pytest.mark.parametrize("field", ["image", "boot.kernel"])
def test_links_are_followed_when_it_is_read_and_never_again(folder, field):
    lab = loaded(folder, FIELDS[field].format("below/link")).lab
    (vm,) = lab.vms
    path = vm.boot.kernel if field == "boot.kernel" else vm.disks[0].image.path
    assert path == folder / "inside"
    path.unlink()
    path.symlink_to("../home/key")
    with pytest.raises(LabctlError, match="a link on the way to it"):
        resolve_path(path, blob=True)


def test_a_playbook_keeps_its_path_since_what_is_beside_it_belongs_to_it(folder):
    (folder / "below/roles").mkdir()
    text = "vms: {a: {image: debian-12, provision: [{ansible: {playbook: below/link}}]}}\n"
    (vm,) = loaded(folder, text).lab.vms
    (step,) = vm.provision
    assert step.work.playbook == folder / "below/link"


PARAMETER = "parameters: {key: {type: string, default: ../home/key}}\nvms: {a: {image: '${key}'}}\n"


def test_what_the_user_gives_is_not_noted(folder, tmp_path):
    path = str(folder.parent / "home/key")
    (tmp_path / "mine.yaml").write_text(f"key: {path}\n")
    assert outside(folder, PARAMETER) == [(path, "vms.a.image")]
    assert outside(folder, PARAMETER, sets={"key": path}) == []
    assert outside(folder, PARAMETER, environ={"LABCTL_SET_KEY": path}) == []
    assert outside(folder, PARAMETER, params_files=[tmp_path / "mine.yaml"]) == []


def test_a_file_of_parameters_that_came_with_the_labfile_is_the_labfiles(folder):
    (folder / "theirs.yaml").write_text("key: ../home/key\n")
    assert outside(folder, PARAMETER, params_files=[folder / "theirs.yaml"]) != []


def test_a_path_that_only_begins_with_what_the_user_gave_is_the_labfiles(folder):
    text = "parameters: {dir: {type: string}}\nvms: {a: {image: '${dir}/home/key'}}\n"
    assert outside(folder, text, sets={"dir": str(folder.parent)}) != []


@pytest.mark.parametrize("home", [".", "below"])
def test_a_labfile_in_the_home_has_no_folder_of_its_own(folder, monkeypatch, home):
    monkeypatch.setenv("HOME", str(folder / home))
    assert outside(folder, FIELDS["image"].format("./inside")) == [(str(folder / "inside"), "vms.a.image")]


def test_so_has_one_in_the_home_of_who_owns_its_folder(folder, monkeypatch):
    """As where root runs labctl there."""
    homes = {"dana": str(folder)}
    dana, root = SimpleNamespace(pw_name="dana"), SimpleNamespace(pw_name="root")
    monkeypatch.setattr("pwd.getpwuid", lambda uid: dana if uid == 4711 else root)
    monkeypatch.setattr("pwd.getpwnam", lambda name: SimpleNamespace(pw_dir=homes.get(name, "/root")))
    os.chown(folder, 4711, -1)
    assert outside(folder, FIELDS["image"].format("./inside")) != []


@pytest.mark.parametrize("owner", [0, 65534])
def test_so_it_is_in_a_users_own_libvirt(folder, monkeypatch, owner):
    """This user is root there, and all others are nobody."""
    homes = {"dana": str(folder)}
    monkeypatch.setattr("pwd.getpwnam", lambda name: SimpleNamespace(pw_dir=homes.get(name, f"/home/{name}")))
    monkeypatch.setattr(rootless, "inside", lambda: True)
    monkeypatch.setattr(rootless, "owner_of", lambda _path, _found: (1001, "dana"))
    if owner == 0:
        monkeypatch.setattr("labctl.labfile.context.user", lambda: "dana")
    os.chown(folder, owner, -1)
    assert outside(folder, FIELDS["image"].format("./inside")) != []


@pytest.mark.parametrize("mode", [0o1777, 0o777])
def test_a_labfile_in_a_folder_of_everybody_has_no_folder_of_its_own(folder, mode):
    folder.chmod(mode)
    assert outside(folder, FIELDS["image"].format("./inside")) == [(str(folder / "inside"), "vms.a.image")]


@pytest.mark.parametrize("home", ["", ".", "~"])
def test_a_home_that_nobody_knows_is_nowhere(folder, monkeypatch, home):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", home)
    assert outside(folder, FIELDS["image"].format("./inside")) == []


def test_a_labfile_from_standard_input_has_the_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder)
    text = HEAD + FIELDS["image"].format("./inside")
    with (folder / "Labfile.yaml").open("w+") as file:
        file.write(text)
        file.seek(0)
        monkeypatch.setattr("sys.stdin", file)
        assert not load("-").lab.outside


@pytest.mark.parametrize("path", ["/proc/self/environ", "/sys/kernel/notes", "./kernel"])
def test_what_the_kernel_makes_up_is_no_file(folder, path):
    (folder / "kernel").symlink_to("/proc/self/environ")
    (found,) = problems(folder, FIELDS["image"].format(path))
    assert "this is no file that is stored" in found


def test_a_device_and_a_pipe_are_no_files(folder):
    os.mkfifo(folder / "pipe")
    for path in ("/dev/null", "./pipe"):
        (found,) = problems(folder, FIELDS["cloud_init.file"].format(path))
        assert "this is no file" in found
