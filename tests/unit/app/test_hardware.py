"""What a host can't do is told before the first change, with what mends it."""

from types import SimpleNamespace

import pytest
import yaml

from labctl.app import hardware
from labctl.core.address import Address
from labctl.core.marked import Foreign
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.engine.observe import Observed
from labctl.host.hosts import Hosts
from labctl.host.libvirt import domain_capabilities
from labctl.host.libvirt.domain_capabilities import DomainCapabilities
from labctl.host.machine import routes
from labctl.labfile.load import load
from tests.composed import applied, specs
from tests.madeup import MadeUpHost

PC = DomainCapabilities(
    cpus=255,
    firmware=frozenset({"efi"}),
    secure=frozenset({"no"}),
    buses=frozenset({"ide", "scsi", "virtio", "sata"}),
    graphics=frozenset({"vnc"}),
    tpm_backends=frozenset({"passthrough"}),
    cpu_models=frozenset({"qemu64", "Skylake-Client"}),
    known_models=frozenset({"qemu64", "Skylake-Client", "Skylake-Server"}),
)
Q35 = replace(PC, buses=PC.buses - {"ide"}, secure=frozenset({"no", "yes"}))
VIRT = replace(Q35, firmware=frozenset(), cpu_models=frozenset({"cortex-a57"}))
KINDS = {
    ("x86_64", None): PC,
    ("x86_64", "pc"): PC,
    ("x86_64", "q35"): Q35,
    ("x86_64", "pcc"): DomainCapabilities("machine"),
    ("aarch64", "virt"): VIRT,
    ("riscv64", "virt"): DomainCapabilities("emulator"),
    ("arm64", None): DomainCapabilities("arch"),
}
CAPABILITIES = "<capabilities><guest><arch name='x86_64'><machine>pc</machine></arch></guest></capabilities>"
BLANK = {"image": "none", "disk": "1GiB"}


class Virt:
    def getCapabilities(self):  # noqa: N802  # libvirt's name
        return CAPABILITIES


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Gives what is told of a Labfile where `existing` is there, as (path, summary, hint)."""
    asked = []

    def look(_virt, arch, machine, accel):
        asked.append((arch, machine, accel))
        return KINDS[arch, machine]

    monkeypatch.setattr(domain_capabilities, "look", look)
    monkeypatch.setattr(routes, "link", lambda name: name in ("br0", "eth0"))
    monkeypatch.setattr(routes, "links", lambda: ["br0", "eth0"])
    monkeypatch.setattr(routes, "is_bridge", lambda name: name == "br0")
    monkeypatch.setattr(hardware, "distribution", lambda: SimpleNamespace(install=lambda what: f"get {what}"))

    def tell(content, existing=None):
        path = tmp_path / "Labfile.yaml"
        path.write_text(yaml.safe_dump({"labfile": 1, "name": "shop", **content}))
        host = MadeUpHost(virt=Virt(), local=True, capabilities=SimpleNamespace(kvm=True))
        session = SimpleNamespace(lab=load(str(path)).lab, hosts=Hosts(host))
        foreign = tuple(
            Foreign("network", name, name, active=name != "idle", host=MadeUpHost.uri)
            for name in ("default", "idle")
        )
        made = plan(specs(content, existing), existing or {})
        problems = hardware.check(session, made, Observed(foreign=foreign))
        return [(each.path, each.summary, each.hint) for each in problems]

    tell.asked = asked
    return tell


@pytest.mark.parametrize(
    ("vm", "field", "summary", "hint"),
    [
        ({"machine": "pcc"}, "machine", "QEMU has no machine pcc for x86_64", "did you mean pc?"),
        ({"arch": "arm64"}, "arch", "libvirt knows no architecture arm64", "did you mean aarch64?"),
        ({"arch": "riscv64"}, "arch", "this host has no QEMU for riscv64", "get qemu-system-misc"),
        (
            {"machine": "q35", "disk": {"size": "1GiB", "bus": "ide"}},
            "disk",
            "the machine q35 has no ide disks (root)",
            "machine: pc, or bus: sata",
        ),
        (
            {"disks": [{"name": "fast", "size": "1GiB", "bus": "nvme"}]},
            "disks",
            "this libvirt has no nvme disks (fast)",
            "bus: virtio or scsi",
        ),
        (
            {"disks": [{"name": "d", "size": "1GiB", "bus": "ide", "count": 5}]},
            "disks",
            "IDE has room for 4 disks, the seed is one",
            "bus: sata",
        ),
        ({"graphics": "spice"}, "graphics", "this host's QEMU has no spice", "graphics: vnc"),
        ({"tpm": True}, "tpm", "this host can't emulate a TPM", "get swtpm"),
        ({"cpus": 256}, "cpus", "this machine has room for 255 CPUs", ""),
        (
            {"cpu": {"model": "Skylake-Server"}},
            "cpu",
            "this host can't run the CPU model Skylake-Server",
            "mode: host",
        ),
        ({"cpu": {"model": "qemu46"}}, "cpu", "libvirt knows no CPU model qemu46", "did you mean qemu64?"),
        (
            {"machine": "pc", "firmware": "uefi", "secure_boot": True},
            "secure_boot",
            "no firmware does secure boot on this machine",
            "machine: q35",
        ),
        ({"arch": "aarch64"}, "firmware", "no UEFI for aarch64 is installed", "get qemu-efi-aarch64"),
        (
            {"arch": "aarch64", "firmware": "bios"},
            "firmware",
            "aarch64 has no BIOS",
            "leave `firmware` out: it boots by UEFI",
        ),
    ],
)
def test_what_a_vm_asks_for_in_vain_is_told_once(told, vm, field, summary, hint):
    """For all instances of a counted VM together."""
    content = {"vms": {"a": {**BLANK, **vm, "count": 3}, "plain": BLANK}}
    assert told(content) == [(f"vms.a.{field}", summary, hint)]


def test_a_host_is_asked_once_for_each_kind_of_domain(told):
    assert told({"vms": {"a": {**BLANK, "count": 9}, "b": {**BLANK, "machine": "q35"}}}) == []
    assert told.asked == [("x86_64", None, "kvm"), ("x86_64", "q35", "kvm")]


def test_what_does_not_change_is_not_asked_about(told):
    """A VM that runs had all it needed; to halt one takes nothing."""
    content = {"vms": {"a": {**BLANK, "tpm": True}}}
    there = applied(specs(content))
    assert told(content, there) == []
    assert told({"vms": {"a": {**BLANK, "tpm": True, "state": "off"}}}, there) == []
    vm = there[Address("vm", "a")]
    assert told(content, there | {vm.address: replace(vm, state="paused")}) == []
    assert not told.asked
    assert len(told(content, there | {vm.address: replace(vm, state="off", ready=False)})) == 1


@pytest.mark.parametrize(
    ("network", "field", "summary", "hint"),
    [
        ({"external": "defualt"}, "external", "libvirt has no network defualt", "did you mean default?"),
        ({"external": "idle"}, "external", "the network idle is not active", "virsh net-start idle"),
        ({"mode": "bridge", "bridge": "br9"}, "bridge", "this host has no bridge br9", "did you mean br0?"),
        (
            {"mode": "bridge", "bridge": "eth0"},
            "bridge",
            "eth0 is no bridge",
            "mode: macvtap attaches to an interface, as `dev`",
        ),
        ({"mode": "macvtap", "dev": "eth9"}, "dev", "this host has no dev eth9", "did you mean eth0?"),
    ],
)
def test_what_a_network_attaches_to_has_to_be_there(told, network, field, summary, hint):
    content = {"networks": {"n": network}, "vms": {"a": {**BLANK, "networks": ["n"], "count": 2}}}
    assert told(content) == [(f"networks.n.{field}", summary, hint)]


def test_nothing_is_said_of_the_machines_interfaces_where_they_are_not_seen(told, monkeypatch):
    monkeypatch.setattr(MadeUpHost, "inside", True)
    networks = {"b": {"mode": "bridge", "bridge": "br9"}, "m": {"mode": "macvtap", "dev": "eth9"}}
    assert told({"networks": networks, "vms": {"a": {**BLANK, "networks": ["b", "m"]}}}) == []


def test_what_is_there_is_no_problem(told):
    networks = {
        "e": {"external": "default"},
        "b": {"mode": "bridge", "bridge": "br0"},
        "m": {"mode": "macvtap", "dev": "eth0"},
    }
    vm = {**BLANK, "networks": list(networks), "graphics": "vnc", "machine": "q35"}
    vm |= {"firmware": "uefi", "secure_boot": True}
    assert told({"networks": networks, "vms": {"a": vm}}) == []
