"""A micro guest without labctl: domain XML, a hand-made seed, the guest port.

For the harness's own tests, and for the bare side of the bench.
"""

import base64
import contextlib
import functools
import io
import json
import queue
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import libvirt
import pycdlib

from tests.e2e.micro.build import MicroGuest

WOULD_BLOCK = -2  # what a non-blocking stream returns
PORT = "org.labctl.guest.0"
WORD_S = 240  # an emulated guest has a word for us within ten seconds, on a machine that does nothing else


@dataclass(frozen=True)
class Keys:
    """OpenSSH files: a login key and a host key, each with its `.pub` beside it."""

    login: Path
    host: Path


def make_keys(folder: Path) -> Keys:
    for name in ("login", "host"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True
        )
    return Keys(folder / "login", folder / "host")


def user_data(keys: Keys, *runcmd: str) -> str:
    private = "".join(f"    {line}\n" for line in keys.host.read_text().splitlines())
    commands = "".join(f"- {command}\n" for command in runcmd)
    return (
        "#cloud-config\n"
        f"ssh_authorized_keys:\n- {keys.login.with_suffix('.pub').read_text()}"
        f"ssh_keys:\n  ed25519_private: |\n{private}"
        f"  ed25519_public: {keys.host.with_suffix('.pub').read_text()}"
        + (f"runcmd:\n{commands}" if runcmd else "")
    )


def network_config(mac: str, address: str) -> str:
    return (
        "version: 2\nethernets:\n  front:\n    match:\n"
        f'      macaddress: "{mac}"\n    addresses:\n    - {address}\n    dhcp4: false\n'
    )


def write_seed(path: Path, hostname: str, user: str, network: str = "") -> None:
    """A NoCloud ISO: label cidata, Rock Ridge for the long names."""
    files = {"meta-data": f"instance-id: {hostname}\nlocal-hostname: {hostname}\n", "user-data": user}
    if network:
        files["network-config"] = network
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, vol_ident="cidata", rock_ridge="1.09")
    for index, (name, text) in enumerate(files.items()):
        content = text.encode()
        iso.add_fp(io.BytesIO(content), len(content), f"/F{index}.;1", rr_name=name)
    iso.write(str(path))
    iso.close()


@dataclass(frozen=True)
class Bare:
    """What a bare domain is made of; `nics` are pairs of libvirt network and MAC, `devices` is more XML of its kind."""

    name: str
    guest: MicroGuest
    overlay: Path
    seed: Path | None = None
    nics: list[tuple[str, str]] = field(default_factory=list)
    memory_mib: int = 160
    devices: str = ""

    def xml(self) -> str:
        seed = (
            f"""
        <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{self.seed}'/>
          <target dev='vdb' bus='virtio'/><readonly/></disk>"""
            if self.seed
            else ""
        )
        nics = "".join(nic_xml(network, mac) for network, mac in self.nics)
        return f"""
    <domain type='qemu'>
      <name>{self.name}</name><memory unit='MiB'>{self.memory_mib}</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='pc'>hvm</type>
        <kernel>{self.guest.kernel}</kernel><initrd>{self.guest.initrd}</initrd>
        <cmdline>{self.guest.cmdline}</cmdline></os>
      <features><acpi/></features>
      <devices>
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{self.overlay}'/>
          <target dev='vda' bus='virtio'/></disk>{seed}{nics}
        <serial type='pty'><log file='/var/log/libvirt/qemu/{self.name}-console.log'/></serial>
        <channel type='unix'><target type='virtio' name='{PORT}'/></channel>
        <memballoon model='virtio'/>{self.devices}
      </devices>
    </domain>"""

    def define(self, connection: libvirt.virConnect) -> libvirt.virDomain:
        self.overlay.unlink(missing_ok=True)
        image = self.guest.image
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, self.overlay], check=True
        )
        return connection.defineXML(self.xml())


def nic_xml(network: str, mac: str) -> str:
    return f"""
        <interface type='network'><source network='{network}'/><mac address='{mac}'/>
          <model type='virtio'/></interface>"""


@functools.cache
def run_event_loop() -> None:
    """Start libvirt's event loop in a thread, once; before the first connection is opened."""
    libvirt.virEventRegisterDefaultImpl()

    def loop() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=loop, daemon=True, name="libvirt events").start()


class GuestPort:
    """labctl-guest's other end; its events come in through libvirt's event loop.

    Not by a thread that blocks in recv(): before libvirt 10.0 a call of another thread on the same connection may
    then miss its wake-up and hang until the guest happens to speak ("rpc: fix race in waking up client event loop").
    """

    def __init__(self, domain: libvirt.virDomain) -> None:
        self.events: queue.Queue[dict] = queue.Queue()
        self.state: dict = {}  # the last one pushed
        self.pending = b""
        self.stream = domain.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
        domain.openChannel(PORT, self.stream, libvirt.VIR_DOMAIN_CHANNEL_FORCE)
        interesting = (
            libvirt.VIR_STREAM_EVENT_READABLE
            | libvirt.VIR_STREAM_EVENT_ERROR
            | libvirt.VIR_STREAM_EVENT_HANGUP
        )
        self.stream.eventAddCallback(interesting, self._on_event, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(libvirt.libvirtError):  # gone already when the guest is
            self.stream.eventRemoveCallback()
            self.stream.abort()

    def send(self, *words: str) -> None:
        data = " ".join(words).encode() + b"\n"
        while data:
            sent = self.stream.send(data)
            if sent == WOULD_BLOCK:
                time.sleep(0.01)
            else:
                data = data[sent:]

    def send_payload(self, *words: str, payload: str) -> None:
        self.send(*words, base64.b64encode(payload.encode()).decode())

    def wait_for(self, condition, timeout_s: float = WORD_S) -> dict:
        """The first event that fulfils the condition; TimeoutError names the last one seen."""
        deadline = time.monotonic() + timeout_s
        seen: dict = {}
        while time.monotonic() < deadline:
            try:
                seen = self.events.get(timeout=0.2)
            except queue.Empty:
                continue
            if condition(seen):
                return seen
        raise TimeoutError(f"the guest did not say it; its last words: {seen}")

    def wait_for_state(self, condition, timeout_s: float = WORD_S) -> dict:
        """The latest state, once it fulfils the condition; states are pushed only when they change."""
        deadline = time.monotonic() + timeout_s
        while not (self.state and condition(self.state)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the guest's last state: {self.state}")
            time.sleep(0.05)
        return self.state

    def _on_event(self, stream: libvirt.virStream, _events: int, _opaque: object) -> None:
        try:
            data = stream.recv(65536)
        except libvirt.libvirtError:
            data = b""
        if data == WOULD_BLOCK:
            return
        if not data:
            stream.eventRemoveCallback()  # an ended stream stays readable
            return
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return  # the rest of a line for an earlier reader
        if event["event"] == "state":
            self.state = event
        else:
            self.events.put(event)


def is_done(state: dict) -> bool:
    return state["stage"] == "done"
