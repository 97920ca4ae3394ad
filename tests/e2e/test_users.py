"""Two users of one libvirt: what one made, the other sees and can take away, and is told what is not his."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from labctl.host.host import Host
from labctl.host.machine.lock import lab_lock_name
from tests.e2e.conftest import Finished
from tests.e2e.labfiles import virsh

OTHER = pwd.getpwnam("nobody").pw_uid  # without a home and a session, but libvirt wants a name
REPOSITORY = Path(__file__).parents[2]
LABFILE = """\
labfile: 1
name: shop
networks: {front: {}}
vms: {web: {image: ./disk.qcow2, memory: 64MiB, state: off, networks: [front]}}
"""


@pytest.fixture
def shared():
    """A folder that both can enter, root's."""
    with tempfile.TemporaryDirectory(prefix="shared-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "Labfile.yaml").write_text(LABFILE)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", folder / "disk.qcow2", "1M"], check=True)
        yield folder


@pytest.fixture
def root(shared):
    def run(*words: str, folder: Path = shared) -> Finished:
        command = [sys.executable, "-m", "labctl", *words]
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    yield run
    assert run("destroy", "--yes").code == 0


@pytest.fixture
def other(view, shared, root):
    def run(*words: str, folder: Path = shared) -> Finished:
        python = view / f"python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
        environment = {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": str(view / "python/lib"),  # where Python is not the system's
            "PYTHONPATH": f"{view / 'labctl'}:{view / 'packages'}",
            "LIBVIRT_DEFAULT_URI": "qemu:///system",
            "XDG_RUNTIME_DIR": f"/run/user/{OTHER}",  # which is not there, as after `su`
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            [python, "-m", "labctl", *words],
            cwd=folder,
            env=environment,
            user=OTHER,
            group=OTHER,
            extra_groups=[],
            umask=0o077,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        for noise in ("internal error", "Traceback", "Warning"):
            assert noise not in done.stderr, done.stderr
        print(f"other labctl {' '.join(words)}: {done.returncode}\n{done.stderr}")
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


def test_another_user_is_told_whose_the_labs_keys_are(root, other, shared):
    assert root("up", "--yes").code == 0
    for words in (["plan"], ["up", "--yes"], ["reload", "--yes"], ["ssh-config"]):
        done = other(*words)
        assert done.code == 1, done
        assert f"{shared}/.labctl: labctl does not use it: it is root's" in done.stderr
        assert "hint: run labctl as root; or look at it, then remove it" in done.stderr
    for words in (["validate"], ["status"], ["list"], ["halt"], ["logs", "web"]):
        assert other(*words).code == 0, words
    assert "web  off" in other("status").stdout
    assert root("plan", "--exit-code").code == 0


def test_two_users_exclude_each_other(root, other, shared):
    """Also where the other one runs in the same folder: what runs is not told, it may have secrets."""
    assert root("up", "--yes").code == 0
    with Host("qemu:///system").lock(lab_lock_name("shop")):
        done = other("halt", "--yes", "--set", "pw=hunter2")
    assert done.code == 5, done
    assert f"another labctl holds the lab shop on qemu:///system: PID {os.getpid()} of root" in done.stderr
    assert "hunter2" not in done.stderr


def test_another_user_can_take_the_lab_away_and_is_told_what_stays(root, other, shared):
    assert root("up", "--yes").code == 0
    key = (shared / ".labctl/shop/id_ed25519").read_text()
    done = other("destroy", "--yes")
    assert done.code == 0, done
    assert f"local files stay: {shared}/.labctl: labctl does not use it: it is root's" in done.stderr
    assert "shop" not in virsh("list", "--all", "--name") + virsh("net-list", "--all", "--name")
    assert root("up", "--yes").code == 0
    assert (shared / ".labctl/shop/id_ed25519").read_text() == key


def test_a_lab_of_another_users_folder_is_refused_and_can_be_adopted(root, other, shared):
    assert root("up", "--yes").code == 0
    own = shared / "own"
    shutil.copytree(shared, own, ignore=shutil.ignore_patterns(".labctl", "own", "*.lock"))
    for path in (own, *own.iterdir()):
        os.chown(path, OTHER, OTHER)
    done = other("plan", folder=own)
    assert (done.code, f"exists, made from {shared}/Labfile.yaml" in done.stderr) == (1, True), done
    assert other("up", "--yes", "--adopt", folder=own).code == 0
    assert other("plan", "--exit-code", folder=own).code == 0
    assert other("destroy", "--yes", folder=own).code == 0
    assert not (own / ".labctl").exists()


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_made(other, shared):
    done = other("up", "--yes")
    assert done.code == 1, done
    assert f"Permission denied; {shared} is root's" in done.stderr
    assert "shop" not in virsh("list", "--all", "--name") + virsh("net-list", "--all", "--name")


def test_a_labfile_that_cannot_be_read_is_named_with_its_owner(other, shared):
    (shared / "Labfile.yaml").chmod(0o600)
    closed = shared / "closed"
    closed.mkdir(mode=0o700)
    for words, barrier in ((["plan"], "Labfile.yaml"), (["-f", "closed/Labfile.yaml", "plan"], "closed")):
        done = other(*words)
        assert done.code in (1, 2), done
        assert f"{barrier} is root's" in done.stderr, done
