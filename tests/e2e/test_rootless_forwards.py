"""Forwards of a user with no rights: sockets of the machine that lead to guests inside."""

import hashlib
import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import daemons
from tests.e2e.labfiles import Lab, micro_lab
from tests.e2e.served import SERVER, get, serve_udp
from tests.e2e.users import SECOND

pytest_plugins = ["tests.e2e.people"]

FORWARDS = [
    "8080:80",
    "[::1]:8080:80",
    f"{SECOND}:8081:80",
    "127.0.0.1:5353:53/udp",
    "[::1]:5353:53/udp",
    "8500:81",
]
# Of all that each client sends
SUMS = "(while :; do nc -l -p 81 -e md5sum; done </dev/null >/dev/null 2>&1 &)"
SERVERS = f"{SERVER} && {SUMS}"
LARGE = os.urandom(4 << 20)
MANY = 100


def test_forwards_of_a_user_lead_to_guests_whatever_is_killed(alice, readable, far, tmp_path):
    web = {"networks": ["front"], "forwards": FORWARDS}
    lab = Lab(alice.labctl(), micro_lab("shop", readable, networks={"front": {}}, vms={"web": web}))
    begun = a_killed_labctl_leaves_them(lab, alice)
    serve(lab, tmp_path)
    they_lead_to_the_guest_at_each_address()
    each_client_of_udp_has_a_session()
    what_is_large_or_much_arrives()
    one_ends_with_its_labctl(lab)
    they_outlive_libvirtd(lab, alice, begun)
    a_dead_one_is_drift(lab, begun)
    they_outlive_a_reboot_of_the_guest(lab)
    a_taken_port_is_told(lab)
    lab.destroy()
    assert not relays(alice)


def relays(user):
    """Name of the forward → PID."""
    said = {pid: words.split() for pid, words in user.processes().items()}
    return {words[3]: pid for pid, words in said.items() if words[0] == "labctl-forward"}


def a_killed_labctl_leaves_them(lab, user):
    """They go on, and the next run makes only those that lack."""
    process = lab.start("up", "--yes")
    daemons.wait_until(lambda: len(relays(user)) >= 3, "forwards are made")
    process.kill()
    process.communicate()
    begun = relays(user)
    lab.up()
    again = relays(user)
    assert len(again) == len(FORWARDS)
    assert [name for name in begun if again[name] == begun[name]]
    return again


def serve(lab, folder):
    lab.ssh("web", SERVERS)
    serve_udp(lab, folder)


def they_lead_to_the_guest_at_each_address():
    for place in ("127.0.0.1:8080", "[::1]:8080", f"{SECOND}:8081"):
        assert get(place) == "web", place
    for other in ((SECOND, 8080), ("127.0.0.2", 8080), ("127.0.0.1", 8081)):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(other, 5)


def each_client_of_udp_has_a_session():
    with ExitStack() as ends:
        one, other, six = (
            ends.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            for family in (socket.AF_INET, socket.AF_INET, socket.AF_INET6)
        )
        for client in (one, other, six):
            client.connect(("::1" if client is six else "127.0.0.1", 5353))
            client.settimeout(30)
        seen = [asked(one, b"one"), asked(other, b"other"), asked(six, b"six"), asked(one, b"again")]
    assert [text for text, _ in seen] == [b"one", b"other", b"six", b"again"]
    ports = [port for _, port in seen]
    assert ports[3] == ports[0]
    assert len(set(ports)) == 3


def asked(client, text):
    client.send(text)
    return client.recv(2048).split()


def what_is_large_or_much_arrives():
    """Also where a client has sent all before the guest begins to answer."""
    with socket.create_connection(("127.0.0.1", 8500), 60) as client:
        client.sendall(LARGE)
        client.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: client.recv(4096), b""))
    assert told.split()[0].decode() == hashlib.md5(LARGE, usedforsecurity=False).hexdigest()
    with ExitStack() as ends:
        place = ("127.0.0.1", 8080)
        clients = [ends.enter_context(socket.create_connection(place, 60)) for _ in range(MANY)]
        for client in clients:
            client.sendall(b"GET /name HTTP/1.0\r\n\r\n")
        for client in clients:
            assert b"".join(iter(lambda client=client: client.recv(4096), b"")).endswith(b"web\n")


def one_ends_with_its_labctl(lab):
    process = lab.start("forward", "web", "[::1]:8090:80")
    assert "[::1]:8090 leads to web" in process.stderr.readline()
    assert get("[::1]:8090") == "web"
    process.kill()
    process.communicate()
    daemons.wait_until(lambda: free(8090), "it ends")


def free(port):
    with socket.socket(socket.AF_INET6) as client:
        return client.connect_ex(("::1", port)) != 0


def they_outlive_libvirtd(lab, user, begun):
    (killed,) = (pid for pid, said in user.processes().items() if Path(said.split()[0]).name == "libvirtd")
    os.kill(killed, signal.SIGKILL)
    assert get("127.0.0.1:8080") == "web"
    daemons.wait_until(lambda: lab.run("plan").code == 0, "libvirtd answers again")
    assert lab.plan() == {}
    assert relays(user) == begun


def a_dead_one_is_drift(lab, begun):
    os.kill(begun["web/8080"], signal.SIGKILL)
    daemons.wait_until(lambda: lab.plan() == {"forward/web/8080": ["update", "alive"]}, "it ended")
    assert "127.0.0.1:8080 → 80 (not running)" in lab.ok("status").stdout
    lab.up()
    assert get("127.0.0.1:8080") == "web"


def they_outlive_a_reboot_of_the_guest(lab):
    boot = boot_of(lab)
    lab.run("ssh", "web", "--", "reboot")
    daemons.wait_until(lambda: boot_of(lab) not in ("", boot), "it booted again")
    lab.ssh("web", SERVERS)
    assert get("127.0.0.1:8080") == "web"
    assert lab.plan() == {}


def boot_of(lab):
    return lab.run("ssh", "web", "--", "cat /proc/sys/kernel/random/boot_id").stdout


def a_taken_port_is_told(lab):
    """By root, at an address that is not there, and below what a user may have; all at once, and nothing is changed."""
    more = ["8399:80", "192.0.2.200:8400:80", "600:80"]
    lab.content["vms"]["web"]["forwards"] = [*FORWARDS, *more]
    with socket.create_server(("127.0.0.1", 8399)):
        refused = lab.run("up", "--yes")
    assert refused.code != 0
    first = len(FORWARDS)
    for place, words in enumerate(
        (
            "port 8399 of 127.0.0.1 is taken by a process that only root sees",
            "this host has no address 192.0.2.200",
            "port 600 is below 1024, where only root may listen",
        ),
        first,
    ):
        assert f"vms.web.forwards[{place}]: {words}" in refused.stderr, refused.stderr
    lab.content["vms"]["web"]["forwards"] = FORWARDS
    assert lab.plan() == {}
