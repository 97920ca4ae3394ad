"""What logind does to what a user leaves behind."""

import os
import subprocess
from pathlib import Path

import pytest

from labctl.host.machine import logout

SYSTEMD_RUN = """#!/bin/sh
[ -n "$XDG_RUNTIME_DIR" ] || { echo Failed to connect to bus >&2; exit 1; }
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A machine that ends processes, and a user who lingers: a folder of programs that say so."""
    said = {"busctl": "#!/bin/sh\necho b true\n", "loginctl": "#!/bin/sh\necho yes\n"}
    for name, text in {**said, "systemd-run": SYSTEMD_RUN}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return tmp_path


@pytest.mark.usefixtures("programs")
def test_systemd_is_found_from_a_bare_environment_and_the_program_gets_that(monkeypatch):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/7/bus")
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run([*logout.outlasting(), "env"], env=bare, capture_output=True, text=True, check=True)
    assert logout.outlasting()[:3] == (
        "env",
        f"XDG_RUNTIME_DIR=/run/user/{os.geteuid()}",
        "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/7/bus",
    )
    assert {line.partition("=")[0] for line in done.stdout.splitlines()} - {"PWD", "SHLVL", "_"} == {"PATH"}


def test_a_systemd_that_refuses_is_done_without(programs):
    (programs / "systemd-run").write_text("#!/bin/sh\nexit 1\n")
    assert logout.outlasting() == ()
    assert logout.ends_until(Path("/dev/null")) == logout.SCOPE


@pytest.mark.parametrize(
    ("kills", "lingers", "ends", "outlasts"),
    [
        ("b false\n", "no\n", "", False),
        ("b true\n", "no\n", logout.LINGER, False),
        ("b true\n", "yes\n", "", True),
        (None, None, "", False),  # no logind
    ],
)
def test_what_becomes_of_processes(monkeypatch, kills, lingers, ends, outlasts):
    said = {"busctl": kills, "loginctl": lingers, "env": ""}
    monkeypatch.setattr(logout.command, "output", lambda tool, *_: said[tool])
    assert logout.ends_until(Path("/dev/null")) == ends
    assert bool(logout.outlasting()) == outlasts


@pytest.mark.parametrize(("lingers", "ends"), [("no\n", logout.LINGER), ("yes\n", "")])
def test_what_the_users_systemd_started_ends_with_it(monkeypatch, tmp_path, lingers, ends):
    monkeypatch.setattr(
        logout.command, "output", lambda tool, *_: lingers if tool == "loginctl" else "b false\n"
    )
    group, user = tmp_path / "cgroup", os.geteuid()
    group.write_text(f"0::/user.slice/user-{user}.slice/session-2.scope\n")
    assert not logout.ends_until(group)
    group.write_text(f"0::/user.slice/user-{user}.slice/user@{user}.service/app.slice/vte-spawn-7.scope\n")
    assert logout.ends_until(group) == ends
