"""How `ssh` and `ssh-config` lead into VMs."""

import os
import shlex
import sys
import threading
from unittest.mock import Mock

import pytest

from labctl.app import ssh, transport
from labctl.core.errors import LabctlError
from labctl.host.access.streams import LiveStdin
from tests.unit.guest_port import serving
from tests.unit.overviews import seen, vm
from tests.waiting import wait_until

BACK = (("back", "10.1.0.2"),)


def command(session, name, words):
    return ssh.command(session, transport.find(session, name), words)


def test_the_command_and_its_files(monkeypatch, session, keys):
    seen(monkeypatch, vm("db", user="me"))
    argv = command(session, "db", ["ls", "-l"])
    folder = session.folder.path
    assert argv[:3] == ["ssh", "-F", str(folder / "ssh_config")]
    assert argv[-4:] == ["--", "db", "ls", "-l"]
    assert "ControlMaster=auto" in argv
    config = (folder / "ssh_config").read_text()
    for line in (
        "HostName 10.0.0.2",
        "HostKeyAlias shop.db",
        "User me",
        "StrictHostKeyChecking yes",
        "IdentitiesOnly yes",
        "PasswordAuthentication no",
        "GlobalKnownHostsFile /dev/null",
    ):
        assert f"  {line}\n" in config
    assert (folder / "known_hosts").read_text() == "shop.db ssh-ed25519 AAAA\n"
    assert {path.stat().st_mode & 0o777 for path in (folder / "ssh_config", folder / "known_hosts")} == {
        0o600
    }


def test_another_user_is_there_by_sudo(monkeypatch, session, keys):
    seen(monkeypatch, vm("db", user="me"))
    way = transport.find(session, "db")

    def remote(words, user, **options):
        argv = ssh.command(session, way, words, user, **options)
        return argv[argv.index("db") + 1 :], "-t" in argv

    assert remote(["ls", "-l"], "me", terminal=True) == (["ls", "-l"], False)
    (text,), terminal = remote(["ls;", "id -u"], "root", terminal=True)
    assert shlex.split(text)[:6] == ["sudo", "-n", "-H", "-u", "root", "--"]
    assert shlex.split(text)[-1].endswith("ls; id -u")
    assert not terminal
    (text,), terminal = remote([], "root", terminal=True)
    assert 'exec "${SHELL:-/bin/sh}" -l' in text
    assert terminal
    assert not remote([], "root")[1]


def test_the_way_is_part_of_the_configuration(monkeypatch, session, keys):
    gate = vm("web-1", nics=(("front", "10.0.0.2"), *BACK))
    seen(monkeypatch, vm("db", nics=BACK), gate, vm("web-2", "off"))
    text, reasons = ssh.config(session, ["db"])
    assert "-W '[%h]:%p' web-1" in text
    assert text.startswith("Host web-1\n")
    assert "\nHost db\n" in text
    assert reasons == {}
    assert ssh.config(session)[1] == {"web-2": "it is off"}


@pytest.mark.parametrize("full", [False, True], ids=["a link", "a full disk"])
def test_a_folder_that_can_not_be_used_is_told(monkeypatch, session, keys, tmp_path, full):
    seen(monkeypatch, vm("db"))
    if full:
        monkeypatch.setattr(os, "rename", Mock(side_effect=OSError(28, "No space left on device")))
    else:
        (tmp_path / ".labctl").rename(tmp_path / "elsewhere")
        (tmp_path / ".labctl").symlink_to("elsewhere")
    for use in (lambda: command(session, "db", []), lambda: ssh.config(session)):
        with pytest.raises(LabctlError, match="no space left" if full else "it is a link to elsewhere"):
            use()


def test_a_lab_without_its_login_key_has_no_configuration(monkeypatch, session):
    seen(monkeypatch, vm("db"))
    with pytest.raises(LabctlError, match="the lab's login key is not at"):
        ssh.config(session)


def test_where_ssh_does_not_lead_a_login_fails_and_a_command_goes_over_the_port(
    monkeypatch, session, tmp_path
):
    seen(monkeypatch, vm("db", nics=BACK, user="root"))
    way = transport.find(session, "db")
    with pytest.raises(LabctlError, match="can't log in: the host has no address on its networks") as caught:
        ssh.command(session, way, [])
    assert "`labctl ssh db -- COMMAND` and `labctl console db` need no network" in caught.value.hint

    content = os.urandom(300_000)
    (tmp_path / "in").write_bytes(content)
    with (
        serving(monkeypatch, tmp_path) as names,
        (tmp_path / "in").open("rb") as stdin,
        (tmp_path / "out").open("wb") as stdout,
        (tmp_path / "err").open("wb") as stderr,
    ):
        streams = (LiveStdin(stdin.fileno()), stdout, stderr)
        assert ssh.run(session, way, ["cat;", "echo 'a  b' >&2; exit 7"], streams, print) == 7
        assert names == ["shop.db"]
    assert (tmp_path / "out").read_bytes() == content
    assert (tmp_path / "err").read_bytes() == b"a  b\n"


def test_a_command_that_ends_waits_for_nobody_who_could_type(monkeypatch, session, tmp_path):
    """And what it writes is there before it ends."""
    seen(monkeypatch, vm("db", nics=BACK, user="root"))
    way = transport.find(session, "db")
    reader, writer = os.pipe()  # nothing comes out of it, and it does not end
    with serving(monkeypatch, tmp_path), (tmp_path / "out").open("wb") as stdout:
        text = f"echo said; until [ -s {tmp_path}/out ]; do sleep 0.1; done"
        assert ssh.run(session, way, [text], (LiveStdin(reader), stdout, sys.stderr.buffer), print) == 0
    os.close(writer)
    wait_until(lambda: not any(each.name == "stdin" for each in threading.enumerate()))
    os.close(reader)
