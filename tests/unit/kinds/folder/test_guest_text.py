"""The texts that root runs in guests, run here by sh where they can be."""

import subprocess

import pytest

from labctl.kinds.folder import guest_text
from labctl.kinds.folder.spec import FolderSpec

HOSTILE = '/srv/it\'s "$(touch /tmp/bad)" `x` \\ #\t&;|*'


@pytest.mark.parametrize("make", [guest_text.mount, guest_text.unmount])
@pytest.mark.parametrize("kind", ["virtiofs", "9p"])
def test_they_are_shell(make, kind):
    spec = FolderSpec("shop", "web", HOSTILE, "/x", kind)
    subprocess.run(["sh", "-n"], input=make(spec), text=True, check=True)


def test_a_path_in_fstab_has_no_space():
    assert guest_text.fstab_field("/a b\\c\td#e") == "/a\\040b\\134c\\011d#e"


def test_a_line_of_fstab_is_one_even_where_there_are_others(tmp_path):
    """It takes the place of the one of the same folder; the rest stays."""
    spec = FolderSpec("shop", "web", HOSTILE, "/x", "9p", readonly=True)
    fstab = tmp_path / "fstab"
    fstab.write_text(f"# mine\nLABEL=root / ext4 defaults 0 1\n{spec.tag} /old virtiofs nofail 0 0\n")
    keep = guest_text.mount(spec).partition("mkdir -p")[0].replace("/etc/fstab", str(fstab)) + "keep\n"
    for _ in range(2):
        subprocess.run(["sh"], input=keep, text=True, check=True)
    *rest, line = fstab.read_text().splitlines()
    assert rest == ["# mine", "LABEL=root / ext4 defaults 0 1"]
    assert line.split(" ")[:4] == [
        spec.tag,
        guest_text.fstab_field(HOSTILE),
        "9p",
        "trans=virtio,version=9p2000.L,msize=262144,nofail,ro",
    ]


def test_its_line_goes_even_if_it_is_the_only_one(tmp_path):
    spec = FolderSpec("shop", "web", "/srv/app", "/x", "virtiofs")
    fstab = tmp_path / "fstab"
    fstab.write_text(f"{spec.tag} /srv/app virtiofs nofail 0 0\n")
    gone = guest_text.unmount(spec).partition("if grep -q")[0].replace("/etc/fstab", str(fstab)) + "keep\n"
    subprocess.run(["sh"], input=gone, text=True, check=True)
    assert fstab.read_text() == ""


def test_a_guest_without_rsync_is_left_as_it_is(tmp_path):
    target = tmp_path / "it's there"
    text = guest_text.receive(str(target), "root")
    done = subprocess.run(
        ["/bin/sh"], input=text, text=True, check=True, capture_output=True, env={"PATH": "/nowhere"}
    )
    assert (done.stdout, target.exists()) == ("no rsync\n", False)


def test_a_user_that_is_missing_is_told_before_anything_is_made(tmp_path):
    (tmp_path / "rsync").touch(mode=0o755)
    text = f"PATH={tmp_path}:$PATH\n" + guest_text.receive(str(tmp_path / "new"), "nobody-here")
    done = subprocess.run(["sh"], input=text, text=True, check=True, capture_output=True)
    assert (done.stdout, (tmp_path / "new").exists()) == ("no user\n", False)
