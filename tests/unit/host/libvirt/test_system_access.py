"""Whom the system's libvirt lets in, as far as that is found out without a question."""

import grp
import os
import socket
import struct
import threading
from contextlib import suppress

import pytest

from labctl.host.libvirt import system_access

NONE, POLKIT = 0, 2
CALL = bytes.fromhex("0000001c 20008086 00000001 00000042 00000000 00000001 00000000".replace(" ", ""))


def answer(*methods, status=0):
    """What libvirtd says to that."""
    body = struct.pack(f"!I{len(methods)}I", len(methods), *methods)
    return struct.pack("!IIIiIIi", 28 + len(body), 0x20008086, 1, 66, 1, 1, status) + body


@pytest.fixture
def daemon(tmp_path):
    """Makes a daemon that gives one answer, and is called as libvirt's clients do."""
    servers = []

    def made(said, name="libvirt-sock"):
        server = socket.socket(socket.AF_UNIX)
        servers.append(server)
        server.bind(str(tmp_path / name))
        server.listen()

        def serve():
            with suppress(OSError):
                connection = server.accept()[0]
                assert connection.recv(1024) == CALL
                connection.sendall(said)
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        return str(tmp_path / name)

    yield made
    for each in servers:
        each.close()


@pytest.fixture(autouse=True)
def group(monkeypatch):
    """Sets the members of libvirt's group; whose tests these are is in none."""

    def of(gid=-1, *members):
        made = grp.struct_group(("libvirt", "x", gid, list(members)))
        monkeypatch.setattr(system_access.grp, "getgrnam", lambda _name: made)

    of()
    return of


@pytest.fixture
def polkit(monkeypatch, tmp_path):
    """Sets what pkcheck says, by its exit code; None: it is not there."""

    def says(code):
        program = tmp_path / "pkcheck"
        if code is not None:
            program.write_text(
                f'#!/bin/sh\n[ "$*" = "--action-id org.libvirt.unix.manage --process $PPID" ] && exit {code}\n'
            )
            program.chmod(0o755)
        monkeypatch.setattr(system_access.command, "search_path", lambda: str(tmp_path))

    return says


def test_a_daemon_that_lets_everybody_in(daemon):
    """As Debian's, whose socket is for its group alone, so that who can ask is in it."""
    assert system_access.refusal([daemon(answer(NONE))]) == ""


@pytest.mark.parametrize(("code", "why"), [(0, ""), (2, "asks you for a password"), (None, "")])
def test_where_polkit_decides_it_is_asked_without_a_question_to_the_user(daemon, polkit, code, why):
    """As in Fedora and Arch, whose sockets are open to all."""
    polkit(code)
    assert system_access.refusal([daemon(answer(POLKIT))]) == why


def test_no_daemon_or_a_socket_that_a_killed_one_left(daemon, tmp_path):
    places = [str(tmp_path / "virtqemud-sock"), str(tmp_path / "libvirt-sock")]
    assert system_access.refusal(places) == "does not run"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(places[1])
    assert system_access.refusal(places) == "does not run"
    daemon(answer(NONE), "virtqemud-sock")
    assert system_access.refusal(places) == ""


def test_the_modular_daemon_counts_where_both_have_a_socket(daemon, polkit):
    polkit(1)
    places = [daemon(answer(POLKIT), "virtqemud-sock"), daemon(answer(NONE))]
    assert system_access.refusal(places) == "asks you for a password"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9,
        answer(NONE, status=1),
        answer(*[NONE] * 300),
        answer()[:-2],
    ],
)
def test_what_answers_otherwise_is_left_to_libvirt_which_says_more(daemon, said):
    assert system_access.refusal([daemon(said)]) == ""


def closed(*_place):
    raise PermissionError


def test_members_of_the_group_are_never_given_another_one(monkeypatch, group, tmp_path):
    monkeypatch.setattr(system_access, "_polkit", closed)
    assert system_access.refusal(["/socket"]) == "is closed to you"
    group(os.getgid())
    assert system_access.refusal(["/socket"]) == ""
    assert system_access.refusal([str(tmp_path / "none")]) == ""


def test_who_was_added_to_the_group_since_the_login_is_told_to_log_in_again(monkeypatch, group):
    monkeypatch.setattr(system_access, "_polkit", closed)
    monkeypatch.setattr(system_access.owners, "user", lambda: "dana")
    group(-1, "dana")
    assert system_access.refusal(["/socket"]) == (
        "is closed to you until you log in again as a new member of the group libvirt"
    )


def test_a_machine_that_has_no_such_group(monkeypatch):
    def missing(name):
        raise KeyError(name)

    monkeypatch.setattr(system_access.grp, "getgrnam", missing)
    monkeypatch.setattr(system_access, "_polkit", closed)
    assert system_access.refusal(["/socket"]) == "is closed to you"
