"""The ground that the other tests stand on: private libvirtd, oracle, micro guest, guest script."""

import dataclasses
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from tests.e2e.harness import daemons
from tests.e2e.harness import oracle as leaks
from tests.e2e.micro import bare
from tests.surroundings import PREPARED

NETWORK = "<network><name>{0}</name><bridge name='lab-{0}'/><ip address='{1}' prefix='24'/></network>"
ROOT = Path(__file__).parents[2]
FIRST_MAC, SECOND_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"


def test_the_host_is_out_of_reach():
    assert os.getpid() < 1000
    assert not Path("/dev/kvm").exists()
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in links.splitlines()] == ["lo"]


def test_cleaning_up_does_not_reach_what_was_mounted_inside(tmp_path):
    """A checkout in /tmp is mounted below the folder that is removed in the end, and was emptied with it."""
    checkout, folder = tmp_path / "checkout", tmp_path / "backing"
    (folder / "place").mkdir(parents=True)
    checkout.mkdir()
    (checkout / "file").write_text("x")
    script = f"""\
import shutil
from tests.e2e.harness.namespaces import run_isolated
from tests.e2e.harness.world import mount

def prepare():
    mount("--make-rprivate", "/")
    mount("--rbind", "{checkout}", "{folder}/place")

code = run_isolated(prepare, ["test", "-e", "{folder}/place/file"])
shutil.rmtree("{folder}")
raise SystemExit(code)
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    assert (checkout / "file").exists()
    assert not folder.exists()


def test_what_is_removed_of_the_cache_inside_stays_outside(tmp_path):
    cache, backing = tmp_path / "labctl", tmp_path / "backing"
    (cache / "builds/debian").mkdir(parents=True)
    (cache / "builds/debian/image").write_text("x")
    backing.mkdir()
    script = f"""\
from pathlib import Path
from tests.e2e.harness.namespaces import run_isolated
from tests.e2e.harness.world import cover_cache, mount

def prepare():
    mount("--make-rprivate", "/")
    cover_cache(Path("{backing}"))

raise SystemExit(run_isolated(prepare, ["sh", "-c", "cat {cache}/builds/debian/image; rm -r {cache}/builds"]))
"""
    environment = {**os.environ, PREPARED: str(tmp_path)}
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert done.stdout == "x", done
    assert (cache / "builds/debian/image").read_text() == "x"


def test_libvirtd_restarts_and_is_back(connection):
    assert connection.listAllDomains() == []
    before = daemons.libvirtd_pid()
    daemons.restart()
    assert daemons.libvirtd_pid() != before
    assert libvirt.open().getHostname()


@pytest.mark.parametrize(
    "forward", ["", "<forward mode='nat'/>", "<forward mode='route'/>", "<forward mode='open'/>"]
)
def test_networks_start_with_dhcp(connection, forward):
    network = connection.networkCreateXML(
        f"<network><name>net</name>{forward}<bridge name='lab-net'/><ip address='10.90.9.1' prefix='24'>"
        "<dhcp><range start='10.90.9.2' end='10.90.9.9'/></dhcp></ip></network>"
    )
    network.destroy()


@pytest.mark.no_oracle  # it leaks on purpose, and is the oracle's own test
def test_the_oracle_sees_each_kind_of_leak(connection):
    folder = Path("/srv")
    before = leaks.snapshot(connection, [folder])
    assert leaks.diff(before, leaks.snapshot(connection, [folder])) == []

    foreign = leaks.plant_foreign(connection)
    (folder / "labctl-left").write_text("x")
    sleeper = subprocess.Popen(["sleep", "1000"])
    subprocess.run(["iptables", "-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP"], check=True)
    subprocess.run(["ip", "route", "add", "198.51.100.0/24", "dev", "lo"], check=True)
    left = "\n".join(leaks.diff(before, leaks.snapshot(connection, [folder])))
    for expected in (
        r"^\+ domain/foreign:",
        r"^\+ network/foreign:",
        r"^\+ pool/foreign:",
        r"^\+ volume/foreign/foreign.raw:",
        r"^\+ link/virbr-foreign:",
        r"^\+ address/virbr-foreign/10.254.254.1/24:",
        r"^\+ process/.*dnsmasq",
        r"^\+ process/sleep 1000:",
        r"^\+ nft/rule ip filter INPUT",
        r"^\+ route/198.51.100.0/24 dev lo",
        r"^\+ file/var/lib/libvirt/foreign/foreign.raw:",
        rf"^\+ file{folder}/labctl-left:",
        r"^\+ file/etc/libvirt/qemu/networks/foreign.xml:",
    ):
        assert re.search(expected, left, re.MULTILINE), f"{expected} is not in\n{left}"

    assert foreign.changes() == []
    connection.lookupByName("foreign").setAutostart(1)
    connection.lookupByName("foreign").setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "mine now", None, None)
    assert [line[:16] for line in foreign.changes()] == ["~ domain/foreign"]

    connection.lookupByName("foreign").setAutostart(0)
    foreign.remove()
    (folder / "labctl-left").unlink()
    sleeper.kill()
    sleeper.wait()
    subprocess.run(["iptables", "-D", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP"], check=True)
    subprocess.run(["ip", "route", "del", "198.51.100.0/24", "dev", "lo"], check=True)
    assert leaks.diff(before, leaks.snapshot(connection, [folder])) == []


@pytest.fixture
def keys(tmp_path) -> bare.Keys:
    return bare.make_keys(tmp_path)


@pytest.fixture
def networks(connection) -> Iterator[None]:
    made = [
        connection.networkCreateXML(NETWORK.format("front", "10.90.0.1")),
        connection.networkCreateXML(NETWORK.format("back", "10.90.1.1")),
    ]
    yield
    for network in made:
        network.destroy()


@pytest.fixture
def guest(connection, micro, keys, networks, tmp_path) -> Iterator[libvirt.virDomain]:
    """A running micro guest with one NIC, a second network to plug into, and a failing runcmd."""
    seed = tmp_path / "seed.iso"
    data = bare.user_data(keys, "echo said by runcmd", "ls /nowhere")
    bare.write_seed(seed, "web-1", data, bare.network_config(FIRST_MAC, "10.90.0.2/24"))
    domain = bare.Bare("web-1", micro, tmp_path / "root.qcow2", seed, [("front", FIRST_MAC)]).define(
        connection
    )
    domain.create()
    yield domain
    if domain.isActive():
        domain.destroy()
    domain.undefine()


def test_a_guest_boots_reports_obeys_and_goes(guest, keys, tmp_path):
    """One boot for all of the guest script's protocol; each step is a sentence of it."""
    with bare.GuestPort(guest) as port:
        port.send("hello")
        done = port.wait_for_state(bare.is_done)
        assert done["addresses"] == [{"mac": FIRST_MAC, "ip": "10.90.0.2/24"}]
        assert "runcmd" in done["result"]["v1"]["errors"][0]
        assert "said by runcmd\nls: /nowhere" in done["log"]

        assert ssh(keys, tmp_path, "hostname") == "web-1"
        hosts_file_is_kept(port, keys, tmp_path)
        a_plugged_nic_is_configured(guest, port, keys, tmp_path)
        port.send("clock", "2000000000.5")
        assert port.wait_for(is_ack("clock"))["ok"]
        assert int(ssh(keys, tmp_path, "date", "+%s")) >= 2000000000
        port.send("nonsense", "x")
        assert not port.wait_for(is_ack("nonsense"))["ok"]

    with bare.GuestPort(guest) as port:
        port.send("hello")
        again = port.wait_for_state(bare.is_done)
        assert again["boot_id"] == done["boot_id"]
        assert len(again["addresses"]) == 2

    started = time.monotonic()
    guest.shutdown()
    daemons.wait_until(lambda: not guest.isActive(), "the power button does nothing")
    print(f"shutdown took {time.monotonic() - started:.1f} s")

    guest.create()
    with bare.GuestPort(guest) as port:
        port.send("hello")
        port.wait_for_state(lambda state: len(state["addresses"]) == 2)


def hosts_file_is_kept(port, keys, tmp_path):
    for names in ("10.90.0.3 db db.lab\n10.90.0.4 cache", "10.90.0.5 db"):
        port.send_payload("hosts", payload=names)
        assert port.wait_for(is_ack("hosts"))["ok"]
    assert ssh(keys, tmp_path, "grep -c . /etc/hosts; grep db /etc/hosts").splitlines() == [
        "6",
        "10.90.0.5 db",
    ]
    port.send("hosts", "")
    assert port.wait_for(is_ack("hosts"))["ok"]
    assert "labctl" not in ssh(keys, tmp_path, "cat /etc/hosts")


def a_plugged_nic_is_configured(guest, port, keys, tmp_path):
    wanted = "mtu 1400\naddress 10.90.1.2/24\naddress 10.90.1.3/24\nroute 10.91.0.0/16 10.90.1.1\n"
    port.send_payload("nic", SECOND_MAC, payload=wanted)  # before it exists: the guest waits for it
    guest.attachDeviceFlags(
        bare.nic_xml("back", SECOND_MAC), libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
    )
    answer = port.wait_for(is_ack("nic"))
    assert (answer["ok"], answer["target"], answer["detail"]) == (True, SECOND_MAC, "")
    port.wait_for_state(lambda state: len(state["addresses"]) == 3)
    assert "via 10.90.1.1" in ssh(keys, tmp_path, "ip route show 10.91.0.0/16")

    for _ in range(2):  # the second time there is nothing to do
        port.send_payload("nic", SECOND_MAC.upper(), payload="address 10.90.1.3/24")
        assert port.wait_for(is_ack("nic"))["ok"]
    assert "10.90.1.2/" not in ssh(keys, tmp_path, "ip addr")
    assert ssh(keys, tmp_path, "ip route show 10.91.0.0/16") == ""


PXE_CLIENT = """
    <domain type='qemu'>
      <name>client</name><memory unit='MiB'>192</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/></os>
      <features><acpi/></features>
      <devices>
        <interface type='network'><source network='segment'/><mac address='52:54:00:00:00:0c'/>
          <model type='virtio'/></interface>
        <serial type='pty'><log file='/var/log/libvirt/qemu/client-console.log'/></serial>
        <channel type='unix'><target type='virtio' name='org.labctl.guest.0'/></channel>
      </devices>
    </domain>"""


def test_a_guest_without_disk_boots_from_another(connection, micro, keys, tmp_path):
    """Over a network that has no host: the client says so on its console and port, the server reaches its TCP port."""
    network = connection.networkCreateXML(
        "<network><name>segment</name><bridge name='lab-segment'/></network>"
    )
    seed = tmp_path / "seed.iso"
    bare.write_seed(
        seed,
        "server",
        bare.user_data(keys, "pxe-server 10.0.5.1 52:54:00:00:00:0c=10.0.5.7"),
        bare.network_config(FIRST_MAC, "10.0.5.1/24"),
    )
    with_boot_files = dataclasses.replace(micro, image=micro.pxe_image)
    machine = bare.Bare("server", with_boot_files, tmp_path / "root.qcow2", seed, [("segment", FIRST_MAC)])
    server = machine.define(connection)
    server.create()
    with bare.GuestPort(server) as port:
        port.send("hello")
        assert port.wait_for_state(bare.is_done)["result"]["v1"]["errors"] == []
        client = connection.createXML(PXE_CLIENT)
        answers = "wget -qO- http://10.0.5.7/role 2>/dev/null | grep -q pxe"
        port.send_payload("run", "client", payload=f"until {answers}; do sleep 1; done")
        assert port.wait_for(lambda event: event.get("event") == "exit", 120)["code"] == 0
        with bare.GuestPort(client) as client_port:
            client_port.send("hello")
            done = client_port.wait_for_state(bare.is_done)
            assert done["addresses"] == [{"mac": "52:54:00:00:00:0c", "ip": "10.0.5.7/24"}]
    assert "micro: booted by PXE" in Path("/var/log/libvirt/qemu/client-console.log").read_text()
    client.destroy()
    server.destroy()
    server.undefine()
    network.destroy()


def is_ack(command: str):
    return lambda event: event.get("event") == "ack" and event["command"] == command


def ssh(keys: bare.Keys, folder: Path, *command: str) -> str:
    """With strict host keys from the start: the guest shows the key that the seed gave it."""
    known = folder / "known_hosts"
    known.write_text(f"10.90.0.2 {keys.host.with_suffix('.pub').read_text()}")
    options = [
        "-F",
        "none",
        "-i",
        keys.login,
        "-o",
        f"UserKnownHostsFile={known}",
        "-o",
        "StrictHostKeyChecking=yes",
    ]
    result = subprocess.run(
        ["ssh", *options, "-o", "BatchMode=yes", "lab@10.90.0.2", "--", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
