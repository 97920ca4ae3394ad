"""The bare side: what a short script does by hand, as a process of its own."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import libvirt

from tests.e2e.micro import MicroGuest, bare, build

# One pass over all domains and networks as labctl has to make it, without anything else
ONE_LOOK = """\
import libvirt
connection = libvirt.open("qemu:///system")
for domain in connection.listAllDomains():
    domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
"""
NETWORK = """\
<network><name>bare</name><forward mode='nat'/><bridge name='bare0'/>
<ip address='10.78.0.1' netmask='255.255.255.0'/></network>"""
# What labctl's guests have besides; the generator alone takes a micro guest a sixteenth of its boot
DEVICES = """
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"""
READY_S = 300


def boot(count: int, folder: Path) -> float:
    """Seconds from the script's start until all guests reported the end of their boot; it then removes what it made."""
    return lived(count, folder)[0]


def lived(count: int, folder: Path) -> tuple[float, float]:
    """The same, and the seconds in which one virsh removed it."""
    guest = json.dumps(asdict(build()), default=str)
    began = time.perf_counter()  # the system's monotonic clock, on Linux the same in every process
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.bare", str(count), str(folder), guest, str(began)],
        capture_output=True,
        text=True,
        check=True,
    )
    boot_s, removal_s = map(float, run.stdout.split()[-2:])
    return boot_s, removal_s


def main(count: int, folder: Path, guest: MicroGuest, began: float) -> None:
    keys = folder / "bare-keys"
    keys.mkdir(exist_ok=True)
    made = bare.Keys(keys / "login", keys / "host") if (keys / "host").exists() else bare.make_keys(keys)
    bare.run_event_loop()
    connection = libvirt.open("qemu:///system")
    network = connection.networkDefineXML(NETWORK)
    network.create()
    domains = []
    for number in range(count):
        seed, mac = folder / f"bare-{number}.iso", f"52:54:00:aa:00:{number:02x}"
        config = bare.network_config(mac, f"10.78.0.{number + 2}/24")
        bare.write_seed(seed, f"bare-{number}", bare.user_data(made), config)
        overlay = folder / f"bare-{number}.qcow2"
        one = bare.Bare(f"bare-{number}", guest, overlay, seed, [("bare", mac)], devices=DEVICES)
        domains.append(one.define(connection))
    for domain in domains:
        domain.create()
    ports = [bare.GuestPort(domain) for domain in domains]
    for port in ports:
        port.send("hello")
    for port in ports:
        port.wait_for_state(bare.is_done, READY_S)
    print(time.perf_counter() - began)
    gone = [f"{verb} bare-{number}" for number in range(count) for verb in ("destroy", "undefine")]
    began = time.perf_counter()
    script = "; ".join([*gone, "net-destroy bare", "net-undefine bare"])
    subprocess.run(["virsh", "-q", script], check=True, capture_output=True)
    for number in range(count):
        (folder / f"bare-{number}.iso").unlink()
        (folder / f"bare-{number}.qcow2").unlink()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), MicroGuest(**json.loads(sys.argv[3])), float(sys.argv[4]))
