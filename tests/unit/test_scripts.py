"""What `make demo` begins with, as a user who has no rights."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def run(tmp_path):
    """Runs a script as a user who may not be root, in a folder of its own; gives its exit code, and what it said."""
    programs = tmp_path / "programs"
    program(programs / "id", 'case $1 in -u) echo 4001 ;; *) echo "alice $GROUPS_MORE" ;; esac')
    program(programs / "sudo", "exit 1")
    program(programs / "virsh", "exit 1")
    program(programs / "dpkg-query", '[ "$4" = "$LACKING" ] || printf installed')
    program(tmp_path / ".venv/bin/python", 'echo "python $*"')
    (tmp_path / "scripts").mkdir()

    def ran(name, **environment):
        script = shutil.copy(SCRIPTS / name, tmp_path / "scripts")
        path = f"{programs}:{os.environ['PATH']}"
        done = subprocess.run(
            [script],
            env={**os.environ, "PATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return ran


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_packages_that_only_root_can_install_are_named_and_the_rest_goes_on(run):
    code, said, told = run("setup", LACKING="swtpm")
    assert (code, said) == (0, "python -m pip install -q --disable-pip-version-check -e .[dev]\n")
    assert told == "not there, and root's to install, some for tests alone: swtpm\n"


@pytest.mark.parametrize("groups", ["", "libvirt-qemu"])
def test_whoever_labctl_gives_a_libvirt_of_their_own_needs_no_other(run, groups):
    assert run("libvirtd", GROUPS_MORE=groups) == (0, "", "")


def test_members_of_libvirts_group_still_have_the_systems_started(run):
    code, _, _ = run("libvirtd", GROUPS_MORE="libvirt")
    assert code != 0, "sudo refuses"
