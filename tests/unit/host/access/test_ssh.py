"""The configuration for OpenSSH, as OpenSSH itself reads it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access import ssh
from labctl.host.access.keys import Keys
from labctl.host.access.ssh import Login
from labctl.host.files.lab_folder import LabFolder

ODD = [
    "plain",
    "a b",
    'a "b"',
    "it's",
    "100%",
    "%h",
    "#x",
    "~",
    "é",
    "$HOME",
    "back\\slash",
    'both\\"',
    "<&>",
    "-F",
]


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh here")
@pytest.mark.parametrize("name", ODD)
def test_openssh_finds_its_files_in_a_folder_of_any_name(tmp_path, name):
    (tmp_path / name).mkdir()
    lab = LabFolder(tmp_path / name, "shop")
    folder = lab.path
    logins = [Login("gate", "lab", "10.0.0.2"), Login("db", "lab", "10.1.0.3", "gate")]
    path = ssh.write(lab, "shop", logins, Keys(lab))
    read = asked(path, "db")
    assert read["userknownhostsfile"] == str(folder / "known_hosts")
    assert read["identityfile"].replace("%%", "%") == str(folder / "id_ed25519")  # told before it is expanded
    assert through(read["proxycommand"]) == ["ssh", "-F", str(path), "-W", "[10.1.0.3]:22", "gate"]
    assert asked(path, "gate")["hostname"] == "10.0.0.2"


def test_a_host_outside_is_gone_through_by_a_jump(tmp_path):
    text = ssh.config(
        tmp_path, "shop", [Login("db", "lab", "10.1.0.3", "root@kvm1")], Keys(LabFolder(tmp_path, "shop"))
    )
    assert "  ProxyJump root@kvm1\n" in text


HOSTILE = "x\n  ProxyCommand touch /tmp/owned\n"


@pytest.mark.parametrize("name", [HOSTILE, "a\rb", "a\0b", "a\x85b", "a\u2028b", "a\udcffb", "${HOME}"])
def test_a_folder_that_no_quotes_can_express_is_an_error(tmp_path, name):
    """A line's end in its name would begin another option, as a command that OpenSSH runs."""
    with pytest.raises(LabctlError, match="can't stand in a configuration of OpenSSH"):
        ssh.quoted(tmp_path / name)
    logins = [Login("gate", "lab", "10.0.0.2"), Login("db", "lab", "10.1.0.3", "gate")]
    keys = Keys(LabFolder(tmp_path, "shop"))
    with pytest.raises(LabctlError):
        ssh.config(tmp_path / name, "shop", logins, keys)


@pytest.mark.parametrize("field", ["vm", "user", "address", "jump"])
@pytest.mark.parametrize(
    "value", [HOSTILE, "two words", "-oProxyCommand=x", "a\tb", "`id`", "$(id)", "*", '"', "#"]
)
def test_what_is_no_word_is_an_error_in_every_place(tmp_path, field, value):
    login = Login(**{"vm": "db", "user": "lab", "address": "10.1.0.3", "jump": "root@kvm1", field: value})
    with pytest.raises(LabctlError):
        ssh.config(tmp_path, "shop", [login], Keys(LabFolder(tmp_path, "shop")))


def asked(path: Path, host: str) -> dict[str, str]:
    """What OpenSSH makes of it."""
    command = ["ssh", "-F", str(path), "-G", host]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in told.splitlines() if " " in line)


def through(command: str) -> list[str]:
    """The words that a shell makes of a ProxyCommand, once OpenSSH has put in host and port."""
    expanded = command.replace("%%", "\0").replace("%h", "10.1.0.3").replace("%p", "22").replace("\0", "%")
    script = f"for word in {expanded}; do printf '%s\\n' \"$word\"; done"
    return subprocess.run(
        ["sh", "-c", script], check=True, capture_output=True, text=True
    ).stdout.splitlines()
