"""Networks of users with no rights: what guests reach, who reaches them, and by which names."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tests.e2e.harness import daemons
from tests.e2e.labfiles import Lab, micro_lab
from tests.e2e.users import (
    FAR,
    FAR6,
    HERE,
    HERE6,
    IN_FAR,
    SECOND,
    connects_from,
    in_far,
    reached_from,
    running,
)

pytest_plugins = ["tests.e2e.people"]

FRONT = {"subnet": "10.90.1.0/24", "ipv6": "fd00:90:1::/64", "dns": {"hosts": {"fixed": "192.0.2.5"}}}
BACK = {"mode": "isolated", "subnet": "10.90.2.0/24", "ipv6": "fd00:90:2::/64"}
OPEN = {"mode": "open", "subnet": "10.90.3.0/24", "ipv6": "fd00:90:3::/64"}
SUBNETS = (ip_network("10.90.0.0/16"), ip_network("fd00:90::/32"))
BOBS, BOBS6 = "10.90.1.77", "fd00:90:1::77"  # a guest of Bob's, on a network that Alice has too
LOOPBACK = (("127.0.0.1", 7101), ("::1", 7101), ("127.0.0.1", 8090), ("::1", 8090))
EVERYWHERE = (("0.0.0.0", 7100), ("::", 7100))  # noqa: S104  # of this test
BEYOND = {f"{FAR} 7000", f"{FAR6} 7000", f"{SECOND} 7100"}
SHUT = {
    *(f"{address} {port}" for address in ("127.0.0.1", "::1", HERE, HERE6) for port in (7100, 7101, 8090)),
    *(f"{gateway} {port}" for gateway in ("10.90.1.1", "fd00:90:1::1", FAR, FAR6) for port in (7100, 7101)),
    *(f"{special} {port}" for special in ("169.254.1.1", "fe80::1%eth0", "fe80::2%eth0") for port in (7100, 7101)),
    *(f"{SECOND} {port}" for port in (7101, 8090)),
    *(f"{guest} 22" for guest in (BOBS, BOBS6)),
}  # fmt: skip


def test_users_guests_and_the_machine_reach_one_another_by_forwards_alone(alice, bob, readable, far):
    networks = {"front": FRONT, "back": BACK, "wild": OPEN}
    vms = {"web": {"networks": ["front"]}, "cell": {"networks": ["back"]}, "wide": {"networks": ["wild"]}}
    hers = Lab(alice.labctl(), micro_lab("shop", readable, networks=networks, vms=vms))
    zed = {
        "networks": [{"name": "front", "ip": BOBS, "ip6": BOBS6}],
        "forwards": ["8090:22", "[::1]:8090:22"],
    }
    his = Lab(bob.labctl(), micro_lab("shop", readable, networks={"front": FRONT}, vms={"zed": zed}))
    with ExitStack() as ends:
        servers = Servers(ends)
        servers.ask("127.0.0.53")
        ends.enter_context(names("127.0.0.53", "192.0.2.77"))
        hers.up()
        his.up()
        for place in (*EVERYWHERE, *LOOPBACK[:2]):
            ends.enter_context(answering(*place))
        guests_have_names(hers)
        with in_far(CAPTURE) as packets:
            guests_reach_nothing_but_the_way_out(hers)
            nobody_reaches_guests_by_their_addresses(alice)
            hers.ssh("web", f"timeout 20 nc {FAR} 7000 </dev/null || true")  # after which all before has come
            only_packets_of_the_machine_went_out(captured(packets))
        those_that_go_out_do_not_cut_each_other_off(hers)
        names_come_from_whom_the_machine_asks_now(hers, servers)
    hers.destroy()
    his.destroy()


def those_that_go_out_do_not_cut_each_other_off(lab):
    """Also a guest of an open network, whose address libvirt does not translate."""
    get = f"timeout 60 wget -qO- http://{FAR}:7001/ | wc -l"
    with in_far(SLOW):
        running = [lab.start("ssh", vm, "--", get) for vm in ("web", "wide")]
        assert [each.communicate(timeout=90)[0].strip() for each in running] == ["20", "20"]


class Servers:
    """Whom this machine asks for names."""

    def __init__(self, ends):
        self._file = Path("/run/labctl-e2e-resolv.conf")
        self.ask("127.0.0.53")
        subprocess.run(["mount", "--bind", self._file, "/etc/resolv.conf"], check=True)
        ends.callback(self._end)

    def ask(self, address):
        self._file.write_text(f"nameserver {address}\n")

    def _end(self):
        subprocess.run(["umount", "/etc/resolv.conf"], check=True)
        self._file.unlink()


def guests_have_names(lab):
    for name, address in (("fixed", "192.0.2.5"), ("web", "10.90.1.2"), ("far.example.org", "192.0.2.77")):
        assert address in asked(lab, "web", name)
    assert "10.90.2.2" in asked(lab, "cell", "cell")
    assert "192.0.2.77" not in asked(lab, "cell", "far.example.org")
    assert "192.0.2.77" in asked(lab, "wide", "far.example.org")


def asked(lab, vm, name):
    return lab.ssh(vm, f"timeout 20 nslookup {name} || true")


def guests_reach_nothing_but_the_way_out(lab):
    """Servers that say something are everywhere. Guests of some networks have no router but the one that they make."""
    assert reached(lab, "web", BEYOND | SHUT) == BEYOND
    for vm in ("cell", "wide"):
        assert reached(lab, vm, BEYOND) == set()
    for vm, number in (("cell", 2), ("wide", 3)):
        lab.ssh(vm, f"ip route add default via 10.90.{number}.1")
        lab.ssh(vm, f"ip -6 route add default via fd00:90:{number}::1")
    assert reached(lab, "cell", BEYOND | SHUT) == set()
    assert not reached(lab, "wide", SHUT)


def reached(lab, vm, places):
    """The places that tell a guest something within some seconds."""
    tries = (f"nc {each} </dev/null >'told.{each}' 2>/dev/null &" for each in places)
    script = [
        "mkdir -p /srv/told && cd /srv/told && rm -f told.*",
        *tries,
        "sleep 8",
        "kill $(jobs -p) 2>/dev/null",
        "find . -name 'told.*' -size +0",
    ]
    return {line.removeprefix("./told.") for line in lab.ssh(vm, "\n".join(script)).splitlines()}


def nobody_reaches_guests_by_their_addresses(user):
    assert answer(("127.0.0.1", 8090)).startswith(b"SSH-")
    assert answer(("::1", 8090)).startswith(b"SSH-")
    for guest in ("10.90.1.2", "fd00:90:1::2", BOBS, BOBS6):
        with pytest.raises(OSError, match=r"timed out|unreachable|route"):
            socket.create_connection((guest, 22), 2)
    assert reached_from(user, FAR, 7000)
    for place in (*LOOPBACK, (HERE, 7100), (HERE6, 7100), (BOBS, 22), (BOBS6, 22)):
        assert not reached_from(user, *place), place
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0labctl-e2e")
        abstract.listen()
        assert not connects_from(user, "socket.socket(socket.AF_UNIX).connect('\\0labctl-e2e')")


def answer(place):
    with socket.create_connection(place, 20) as here:
        return here.recv(100)


def only_packets_of_the_machine_went_out(packets):
    """To guests went only what this test itself sent in vain."""
    assert {source for source, _ in packets} == {HERE, HERE6}
    assert {to for _, to in packets if within(to)} <= {"10.90.1.2", "fd00:90:1::2", BOBS, BOBS6}


def within(address):
    return any(ip_address(address) in each for each in SUBNETS)


def names_come_from_whom_the_machine_asks_now(lab, servers):
    for address, found in ((FAR, "192.0.2.88"), (FAR6, "192.0.2.99")):
        with names(address, found, *IN_FAR):
            servers.ask(address)
            name = f"{found.rpartition('.')[2]}.example.org"
            daemons.wait_until(
                lambda name=name, found=found: found in asked(lab, "web", name), f"{address} is asked"
            )


SLOW = f"""
import socket, threading, time
server = socket.create_server(("{FAR}", 7001))
def serve(client):
    client.recv(2048)
    client.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 80\\r\\n\\r\\n")
    for _ in range(20):
        time.sleep(0.5)
        client.sendall(b"far\\n")
    client.recv(1)  # older versions of pasta lose the end of a stream
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()
"""


CAPTURE = """
import socket
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
packets.bind(("up1", 3))
print("ready", flush=True)
while True:
    data, (_, protocol, kind, *_) = packets.recvfrom(2048)
    if kind == 4:
        continue  # sent from here
    if protocol == 0x0800:
        print(*(socket.inet_ntop(2, data[at : at + 4]) for at in (12, 16)), flush=True)
    elif protocol == 0x86dd and data[6] not in (0, 58):  # neighbours and groups are told of by ICMPv6
        print(*(socket.inet_ntop(10, data[at : at + 16]) for at in (8, 24)), flush=True)
"""


def captured(packets):
    """The packets so far, as pairs of addresses."""
    os.set_blocking(packets.fileno(), False)
    return [tuple(line.split()) for line in packets.read().splitlines()]


@contextmanager
def answering(address, port):
    """A server of this machine, which answers `reached`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as server:

        def serve():
            with suppress(OSError):
                while True:
                    server.accept()[0].send(b"reached")

        threading.Thread(target=serve, daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)


NAMES = """
import socket, sys
server = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    asked, client = server.recvfrom(2048)
    end = asked.index(0, 12) + 5
    record = b"\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x05\\0\\x04" + socket.inet_aton(sys.argv[2])
    is_a = asked[end - 4 : end - 2] == b"\\0\\x01"
    head = asked[:2] + b"\\x81\\x80\\0\\x01" + bytes([0, is_a, 0, 0, 0, 0])
    server.sendto(head + asked[12:end] + record * is_a, client)
"""


@contextmanager
def names(address, found, *under):
    """A name server that gives one IPv4 address for all names; `under` executes it."""
    with running(*under, sys.executable, "-c", NAMES, address, found):
        yield
