"""README's demo as a user with no rights."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.surroundings import prepared

pytest_plugins = ["tests.e2e.people"]

CHECKOUT = Path(__file__).parents[2]
BOOT_S = 2400  # emulated guests, one after the other, on a machine that does other things too


@pytest.mark.slow
def test_the_demo_as_a_user(alice):
    """README's demo without sudo, twice. Debian was built before, since nothing outside is reached."""
    for name in ("builds", "apt"):
        cached = alice.home / ".cache/labctl" / name
        shutil.copytree(prepared() / "labctl" / name, cached, symlinks=True)
    clone = clone_with_packages(alice)
    subprocess.run(["chown", "-R", f"{alice.uid}:{alice.uid}", alice.home], check=True)
    assert re.search(r"^web +running +yes ", make(alice, clone, "demo").stdout, re.MULTILINE)
    with urlopen("http://127.0.0.1:8080", timeout=60) as answer:
        assert answer.read().decode().startswith("Hello from web")
    labctl = alice.labctl(clone / "examples")
    assert "nothing to do" in labctl("up", "--yes").stderr
    assert "the lab came back in" in make(alice, clone, "demo", "YES=--yes").stderr
    make(alice, clone, "demo-clean")
    assert "not there yet" in labctl("status").stderr


def clone_with_packages(user):
    """A clone as `make setup` leaves it."""
    clone = user.home / "labctl"
    for name in ("scripts", "examples"):
        shutil.copytree(CHECKOUT / name, clone / name)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, clone)
    program = clone / ".venv/bin/labctl"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {user.python} -m labctl "$@"\n')
    program.chmod(0o755)
    (clone / ".venv/.set-up").touch()
    return clone


def make(user, clone, *targets):
    done = subprocess.run(
        ["make", *targets],
        cwd=clone,
        stdin=subprocess.DEVNULL,
        **user.identity(),
        capture_output=True,
        text=True,
        timeout=BOOT_S,
        check=False,
    )
    assert done.returncode == 0, done
    return done
