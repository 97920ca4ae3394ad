"""Ports of the host that lead to guests, across all that may happen to a guest, a forwarder and labctl."""

import json
import os
import signal
import socket
from pathlib import Path

from tests.e2e.harness import daemons
from tests.e2e.labfiles import micro_lab, virsh
from tests.e2e.served import SERVER, forward_lasts_until_a_signal, get, serve_udp

SERVERS = f"{SERVER} && httpd -p 81 -h /srv/w"
WEB = {"8080": 80, "9000": 80, "9001": 81}


def test_ports_of_the_host_lead_to_guests(make_lab, micro, tmp_path):
    lab = make_lab(
        micro_lab(
            "forwards",
            micro,
            networks={"front": {}, "back": {"mode": "isolated"}},
            vms={
                "web": {
                    "networks": ["front"],
                    "forwards": ["8080:80", "9000-9001:80-81", "127.0.0.2:5353:53/udp"],
                },
                "inner": {"networks": ["back"], "forwards": ["[::1]:8080:80"]},
            },
        )
    )
    begun = a_killed_labctl_leaves_them(lab)
    serve(lab, "web")
    serve(lab, "inner")
    serve_udp(lab, tmp_path)
    tcp_and_a_range_and_an_isolated_network()
    udp_has_a_session_for_each_client()
    status_and_the_list_show_them(lab)
    a_dead_one_is_drift(lab, begun["web/8080"])
    they_survive_a_reboot_of_the_guest(lab)
    a_taken_port_is_told_with_its_owner(lab)
    forward_lasts_until_a_signal(lab, "inner", "8090-8091:80-81")
    what_is_left_of_a_vm_that_somebody_undefined_is_ended(lab)
    lab.destroy()
    assert forwarders() == {}


def a_killed_labctl_leaves_them(lab):
    """They go on, and the next run has nothing to do with them."""
    process = lab.start("up", "--yes")
    daemons.wait_until(lambda: len(forwarders()) == 5, "five forwarders run")
    process.kill()
    process.communicate()
    begun, todo = forwarders(), lab.plan()
    lab.up()
    again = forwarders()
    kept = [name for name in begun if f"forward/{name}" not in todo]  # all but those that were under way
    assert kept
    assert {name: begun[name] for name in kept} == {name: again[name] for name in kept}
    assert again.keys() == begun.keys()
    return again


def serve(lab, vm):
    lab.ssh(vm, SERVERS)


def tcp_and_a_range_and_an_isolated_network():
    for port in WEB:
        assert get(f"127.0.0.1:{port}") == "web"
    assert get("[::1]:8080") == "inner"


def udp_has_a_session_for_each_client():
    """The guest sees one port for all that a client sends."""
    with client() as one, client() as other:
        first = asked(one, b"one")
        second = asked(other, b"other")
        assert first[0] == b"one"
        assert second[0] == b"other"
        assert first[1] != second[1]
        assert asked(one, b"again") == [b"again", first[1]]


def client():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.connect(("127.0.0.2", 5353))
    made.settimeout(30)
    return made


def asked(one, text):
    one.send(text)
    return one.recv(2048).split()


def status_and_the_list_show_them(lab):
    shown = lab.ok("status").stdout
    assert "127.0.0.1:8080 → 80" in shown
    assert "127.0.0.1:9000-9001 → 80-81" in shown
    assert "127.0.0.2:5353/udp → 53" in shown
    (inner, web) = json.loads(lab.ok("status", "--json").stdout)["vms"]
    assert [each["host"] for each in inner["forwards"]] == ["[::1]:8080"]
    assert {each["alive"] for each in web["forwards"]} == {True}
    listed = json.loads(lab.ok("forward", "web", "--json").stdout)["forwards"]
    assert [each["protocol"] for each in listed] == ["tcp"] * 3 + ["udp"]


def a_dead_one_is_drift(lab, pid):
    os.kill(pid, signal.SIGKILL)
    daemons.wait_until(lambda: "web/8080" not in forwarders(), "it ended")
    assert lab.plan() == {"forward/web/8080": ["update", "alive"]}
    assert "127.0.0.1:8080 → 80 (not running)" in lab.ok("status").stdout
    lab.ok("up", "--yes")
    assert get("127.0.0.1:8080") == "web"


def they_survive_a_reboot_of_the_guest(lab):
    before, boot = forwarders(), boot_of(lab)
    lab.run("ssh", "web", "--", "reboot")
    daemons.wait_until(lambda: boot_of(lab) not in ("", boot), "it booted again")
    serve(lab, "web")
    assert get("127.0.0.1:8080") == "web"
    assert forwarders() == before


def boot_of(lab):
    return lab.run("ssh", "web", "--", "cat /proc/sys/kernel/random/boot_id").stdout


def a_taken_port_is_told_with_its_owner(lab):
    forwards = lab.content["vms"]["web"]["forwards"]
    forwards += ["8085:80", "127.0.0.3:8086:80/udp", "192.0.2.7:8087:80"]
    with socket.create_server(("127.0.0.1", 8085)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("", 8086))
        refused = lab.run("up", "--yes")
    assert refused.code != 0
    assert "vms.web.forwards[3]: port 8085 of 127.0.0.1 is taken by" in refused.stderr
    assert "vms.web.forwards[4]: port 8086 of 127.0.0.3 is taken by" in refused.stderr
    assert refused.stderr.count(f"(PID {os.getpid()})") == 2
    assert "vms.web.forwards[5]: this host has no address 192.0.2.7" in refused.stderr
    assert "web/8085" not in forwarders()
    forwards[:] = ["127.0.0.1:8085:80", *forwards[1:3]]  # in place of 8080
    lab.ok("up", "--yes")
    assert get("127.0.0.1:8085") == "web"
    assert "web/8080" not in forwarders()


def what_is_left_of_a_vm_that_somebody_undefined_is_ended(lab):
    for command in ("destroy", "undefine"):
        virsh(command, "forwards.inner")
    plan = lab.plan()
    assert plan["forward/inner/[::1]:8080"] == ["update", "unrecorded", "vm/inner"]
    del lab.content["vms"]["inner"]
    assert lab.plan()["forward/inner/[::1]:8080"] == ["delete"]


def forwarders():
    """The first processes of the forwards: name → PID."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
            session = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
        except OSError:
            continue
        if words[0].startswith("labctl-forward qemu:///system forwards ") and session == int(folder.name):
            found[words[0].rpartition(" ")[2]] = session
    return found
