"""The example lab warm, with real Debian: what comes back passes the checks that it passed when it had booted."""

import json
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from tests.e2e.labfiles import Lab, virsh
from tests.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples"
WARM_UPS = int(os.environ.get("LABCTL_WARM_UPS", "3"))
VMS = ("db", "web")
SKEW_S = 2.0  # what a clock may be off: the time goes to the guest through an emulated port
# `web` asks for its address on `back` by DHCP, which labctl's own seeds have no need for.
DHCP = """\
[Match]
MACAddress=${vms.web.back.mac}
[Network]
DHCP=ipv4
"""
# What a guest says of itself, as NAME: VALUE in one line each. MainPID tells whether something was started anew.
FACTS = r"""
say() { echo "$1: $(tr '\n' ' ')"; }
date +%s.%N | say clock
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' ' | say random
cat /etc/machine-id /proc/sys/kernel/random/boot_id /etc/ssh/ssh_host_*_key.pub | say machine
hostname | say hostname
systemctl is-system-running | say system
systemctl list-units --failed --plain --no-legend | say failed
systemctl list-jobs --no-legend | say jobs
units="ssh web db dbus systemd-journald systemd-networkd systemd-resolved systemd-logind"
for unit in $units; do systemctl show --value -p MainPID "$unit.service"; done | say processes
journalctl -b -q -p err -o cat | say errors
for name in db web; do
    getent ahostsv4 "$name" | sed -n 's/ *STREAM.*//p' | say "address of $name"
    ping -qc 1 -W 5 "$name" >/dev/null && echo yes | say "ping $name"
done
for lease in /run/systemd/netif/leases/*; do
    [ ! -e "$lease" ] || networkctl renew "$(grep -lx "${lease##*/}" /sys/class/net/*/ifindex | cut -d/ -f5)"
done
cat /run/systemd/netif/leases/* 2>/dev/null | grep ADDRESS | say leases
find /srv/web /data/public -type f 2>/dev/null | sort | xargs sha256sum | say files
"""


@pytest.fixture
def lab(make_lab, labdir):
    shutil.copytree(EXAMPLE, labdir, dirs_exist_ok=True)
    content = yaml.safe_load((EXAMPLE / "Labfile.yaml").read_text())
    cloud_init = content["vms"]["web"]["cloud_init"]
    cloud_init["write_files"].append({"path": "/etc/systemd/network/05-dhcp.network", "content": DHCP})
    cloud_init["runcmd"].append("networkctl reload")
    yield (made := make_lab(content))
    made.run("destroy", "--yes", "--warm")


@pytest.mark.slow
def test_the_example_lab_comes_back_as_it_booted_again_and_again(lab):
    booted, took = brought_up(lab)
    randoms = [fact.pop("random") for fact in booted.values()]
    assert {vm: fact["system"] for vm, fact in booted.items()} == {"db": "running", "web": "running"}
    for _ in range(WARM_UPS):
        assert "what was saved of the lab on" in lab.ok("destroy", "--yes").stderr
        assert re.search(r"\+ vm/web +restored from \d+ \w+ \d\d:\d\d, [\d.]+MiB", lab.ok("plan").stdout)
        back, seconds = brought_up(lab)
        randoms += [fact.pop("random") for fact in back.values()]
        assert back == booted
        print(f"\nbooted in {took:.1f} s, came back in {seconds:.1f} s", end="")
    assert len(set(randoms)) == len(VMS) * (WARM_UPS + 1)


def brought_up(lab: Lab) -> tuple[dict[str, dict[str, str]], float]:
    """What each guest says of itself once the lab is up and was checked from outside, and the seconds of `up`."""
    began = time.monotonic()
    lab.ok("up", "--yes")
    seconds = time.monotonic() - began
    vms = json.loads(lab.ok("status", "--json").stdout)["vms"]
    assert {(vm["name"], vm["state"], vm["ready"]) for vm in vms} == {(vm, "running", True) for vm in VMS}
    assert lab.plan() == {}
    with urlopen("http://127.0.0.1:8080", timeout=60) as answer:
        assert answer.read().startswith(b"Hello from web, the database is at 10.")
    with ThreadPoolExecutor() as threads:
        facts = dict(zip(VMS, threads.map(lambda vm: facts_of(lab, vm), VMS), strict=True))
    leased = f" {facts['db']['address of web']}/"
    wait_until(lambda: leased in virsh("net-dhcp-leases", f"{lab.name}.back"))  # its dnsmasq is new, too
    return facts, seconds


def facts_of(lab: Lab, vm: str) -> dict[str, str]:
    """The facts but for the clock, which is right."""
    before = time.time()
    said = lab.labctl(
        "exec", vm, "--user", "root", "--", FACTS
    )  # as it is, while another one reads the Labfile
    assert said.code == 0, said
    facts = {
        name: value.strip() for name, _, value in (line.partition(": ") for line in said.stdout.splitlines())
    }
    assert before - SKEW_S < float(facts.pop("clock")) < time.time() + SKEW_S
    return facts
