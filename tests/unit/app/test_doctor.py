"""Doctor's checks on made-up hosts."""

from xml.etree import ElementTree as ET

import libvirt
import pytest

from labctl.app import doctor
from labctl.host.machine.doctor import kvm, libvirtd, network, resources, tools
from labctl.host.machine.doctor.check import Check, Distribution, distribution
from labctl.host.machine.firewall import Rules
from labctl.host.machine.packets import Chain

DEBIAN = Distribution(0, "sudo ")


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian\n", "apt-get install dnsmasq-base"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get install dnsmasq-base"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install dnsmasq"),
        ("ID=arch\n", "pacman -S dnsmasq"),
        ("", "apt-get install dnsmasq-base"),
    ],
)
def test_commands_fit_the_distribution(tmp_path, release, command):
    (tmp_path / "os-release").write_text(release)
    assert distribution(tmp_path / "os-release").install("dnsmasq").endswith(command)


def test_one_package_is_named_once():
    assert DEBIAN.install("ssh", "ssh-keygen") == "sudo apt-get install openssh-client"


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (
            ("x86_64",),
            "QEMU is there for x86_64; `sudo apt-get install qemu-system-arm qemu-system-misc` brings aarch64, riscv64",
        ),
        (
            ("x86_64", "aarch64", "sh4"),
            "QEMU is there for aarch64, x86_64; `sudo apt-get install qemu-system-misc` brings riscv64",
        ),
        (("x86_64", "aarch64", "riscv64"), "QEMU is there for aarch64, riscv64, x86_64"),
    ],
)
def test_the_architectures_of_guests(there, found):
    arches = "".join(f"<guest><arch name='{name}'/></guest>" for name in there)
    seen = libvirtd.Libvirt(
        "qemu:///system", capabilities=ET.fromstring(f"<capabilities>{arches}</capabilities>")
    )
    check = libvirtd._architectures(seen, DEBIAN)
    assert (check.verdict, check.found) == ("ok", found)


def test_a_tpm_needs_two_packages():
    assert DEBIAN.install("swtpm") == "sudo apt-get install swtpm swtpm-tools"


class TestKvm:
    @pytest.fixture
    def host(self, tmp_path, monkeypatch):
        monkeypatch.setattr(kvm.platform, "machine", lambda: "x86_64")

        def make(flags: str, *, node: bool):
            (tmp_path / "cpuinfo").write_text(f"flags : fpu {flags}\n")
            if node:
                (tmp_path / "kvm").touch()
            return list(kvm.checks(DEBIAN, tmp_path / "kvm", tmp_path / "cpuinfo"))

        return make

    def test_no_flag_and_a_node_prove_nothing(self, host, monkeypatch):
        monkeypatch.setattr(
            kvm.subprocess, "run", lambda *_, **__: pytest.fail("the node must not be touched")
        )
        assert [check.verdict for check in host("", node=True)] == ["warn", "warn"]

    def test_no_node(self, host):
        cpu, node = host("vmx", node=False)
        assert (cpu.verdict, cpu.found) == ("ok", "vmx")
        assert node.fix == "sudo modprobe -a kvm_intel kvm_amd"

    def test_a_node_that_makes_no_vm(self, host, monkeypatch):
        failed = kvm.subprocess.CompletedProcess(
            [], 1, "", "Traceback\nOSError: [Errno 16] Device or resource busy\n"
        )
        monkeypatch.setattr(kvm.subprocess, "run", lambda *_, **__: failed)
        _, node = host("svm", node=True)
        assert node.verdict == "warn"
        assert node.found.endswith("can't make a VM: OSError: [Errno 16] Device or resource busy")

    def test_a_node_that_hangs(self, host, monkeypatch):
        def hang(*_, **__):
            raise kvm.subprocess.TimeoutExpired("python", 5)

        monkeypatch.setattr(kvm.subprocess, "run", hang)
        assert host("svm", node=True)[1].verdict == "fail"


def test_missing_programs(monkeypatch):
    monkeypatch.setattr(tools.shutil, "which", lambda name, **_: "/x" if name == "ssh" else None)
    found = {check.name: check for check in tools.programs(DEBIAN)}
    assert found["ssh"].verdict == "ok"
    assert found["dnsmasq"] == Check(
        "dnsmasq",
        "fail",
        "not found: libvirt needs it for the DHCP and DNS of networks",
        "sudo apt-get install dnsmasq-base",
    )
    assert found["mmdebstrap"].verdict == "warn"


def drops(table, name, *more, hook="forward"):
    """Rules with a chain that drops all, and others beside it."""
    family, table = table.split(" ", 1)
    chains = [Chain(family, table, name, (), hook, "drop"), *(Chain(family, table, each) for each in more)]
    return Rules({(chain.family, chain.table, chain.name): chain for chain in chains})


class TestNetwork:
    @pytest.mark.parametrize(
        ("rules", "found", "fix"),
        [
            (
                drops("inet guard", "forward"),
                "inet guard forward drops what guests on nat and routed networks send",
                (
                    "sudo nft insert rule inet guard forward iifname 'lab-*' accept"
                    " && sudo nft insert rule inet guard forward oifname 'lab-*' accept"
                ),
            ),
            (
                drops("ip filter", "FORWARD"),
                "ip filter FORWARD drops what guests on nat and routed networks send",
                "sudo iptables -I FORWARD -i lab-+ -j ACCEPT && sudo iptables -I FORWARD -o lab-+ -j ACCEPT",
            ),
            (
                drops("ip filter", "FORWARD", "DOCKER-USER"),
                "ip filter FORWARD drops what guests on nat and routed networks send",
                "sudo iptables -I DOCKER-USER -i lab-+ -j ACCEPT && sudo iptables -I DOCKER-USER -o lab-+ -j ACCEPT",
            ),
            (
                drops("ip filter", "FORWARD", "ufw-user-forward"),
                "ip filter FORWARD drops what guests on nat and routed networks send",
                (
                    "sudo sed -i s/^DEFAULT_FORWARD_POLICY=.*/DEFAULT_FORWARD_POLICY=ACCEPT/ /etc/default/ufw"
                    " && sudo ufw reload"
                ),
            ),
            (
                drops("ip6 filter (legacy)", "FORWARD"),
                "ip6 filter (legacy) FORWARD drops what they send by IPv6",
                (
                    "sudo ip6tables-legacy -I FORWARD -i lab-+ -j ACCEPT"
                    " && sudo ip6tables-legacy -I FORWARD -o lab-+ -j ACCEPT"
                ),
            ),
            (
                drops("inet guard", "in", hook="input"),
                "inet guard in drops what guests ask of the host by DHCP",
                "sudo nft insert rule inet guard in iifname 'lab-*' udp dport { 67, 53 } accept",
            ),
        ],
    )
    def test_what_drops_is_named_with_the_way_around_it(self, tmp_path, rules, found, fix):
        (check,) = network.firewalls(DEBIAN, rules, tmp_path)
        assert check == Check("firewall", "warn", found, fix)

    def test_nothing_is_claimed_of_what_was_not_read(self, tmp_path, monkeypatch):
        monkeypatch.setattr(network.os, "geteuid", lambda: 1000)
        (check,) = network.firewalls(DEBIAN, Rules(unread="only root can read the rules"), tmp_path)
        assert check == Check(
            "firewall",
            "warn",
            "whether what guests on nat and routed networks send is dropped is not known: only root can read the rules",
            "sudo labctl doctor",
        )

    def test_nor_of_what_nobody_can_tell(self, tmp_path):
        unknown = Chain("inet", "guard", "forward", ([{"xt": None}, {"drop": None}],), "forward", "accept")
        (check,) = network.firewalls(DEBIAN, Rules({("inet", "guard", "forward"): unknown}), tmp_path)
        assert check.verdict == "warn"
        assert "is not known: it goes by more than interfaces" in check.found
        assert check.fix == "see `sudo nft list chain inet guard forward`"

    def test_all_rules_were_read_and_none_drops(self, tmp_path):
        (check,) = network.firewalls(DEBIAN, Rules(), tmp_path)
        assert check.verdict == "ok"

    @pytest.mark.parametrize(("zone", "verdict"), [(True, "ok"), (False, "warn")])
    def test_firewalld_needs_libvirts_zone(self, tmp_path, zone, verdict):
        (tmp_path / "run/firewalld").mkdir(parents=True)
        (tmp_path / "usr/lib/firewalld/zones").mkdir(parents=True)
        if zone:
            (tmp_path / "usr/lib/firewalld/zones/libvirt.xml").touch()
        (check,) = network.firewalls(DEBIAN, Rules(), tmp_path)
        assert check.verdict == verdict

    @pytest.mark.parametrize(
        ("line", "verdict"),
        [
            ("0: 00000000:0035 00000000:0000 07", "warn"),
            ("0: 3500007F:0035 00000000:0000 07", "ok"),
            ("0: 00000000:0045 00000000:0000 07", "ok"),
        ],
    )
    def test_port_53(self, tmp_path, line, verdict):
        (tmp_path / "proc/net").mkdir(parents=True)
        (tmp_path / "proc/net/udp").write_text(f"head\n {line} x\n")
        assert network.dns_port(tmp_path).verdict == verdict


class TestResources:
    @pytest.mark.parametrize(("free", "verdict"), [(500_000, "warn"), (8_000_000, "ok")])
    def test_memory(self, tmp_path, free, verdict):
        (tmp_path / "meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable: {free} kB\n")
        assert resources.memory(tmp_path / "meminfo").verdict == verdict

    def test_a_folder_that_others_cannot_pass(self, tmp_path):
        (tmp_path / "home/pool").mkdir(parents=True)
        (tmp_path / "home").chmod(0o700)
        tmp_path.chmod(0o755)
        found = resources._closed(tmp_path / "home/pool")
        assert found is not None
        assert not found.stat().st_mode & 0o001

    @pytest.mark.parametrize(("free", "verdict"), [(0, "fail"), (2 << 30, "warn"), (50 << 30, "ok")])
    def test_disk(self, tmp_path, monkeypatch, free, verdict):
        monkeypatch.setattr(resources.shutil, "disk_usage", lambda _path: type("U", (), {"free": free}))
        assert list(resources.pool(str(tmp_path), DEBIAN, system=False))[-1].verdict == verdict


class TestLibvirt:
    def test_nothing_answers(self):
        (check, *_) = libvirtd.checks(libvirtd.Libvirt("qemu:///system", error="no such socket"), DEBIAN)
        assert check.verdict == "fail"
        assert "no such socket" in check.found
        assert check.fix

    def test_a_daemon_elsewhere_is_not_started_here(self):
        (check, *_) = libvirtd.checks(libvirtd.Libvirt("qemu+ssh://far/system", error="no route"), DEBIAN)
        assert (
            check.fix == "make `virsh -c qemu+ssh://far/system version` work, or name another with --connect"
        )

    def test_a_session_is_not_started_by_looking(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        monkeypatch.setattr(libvirt, "open", lambda _uri: pytest.fail("this would start a daemon"))
        (check,) = libvirtd.checks(libvirtd.connect("qemu:///session"), DEBIAN)
        assert check.verdict == "warn"

    def test_the_test_driver_answers(self):
        found = list(libvirtd.checks(libvirtd.connect("test:///default"), DEBIAN))
        assert [check.verdict for check in found] == ["ok", "ok", "ok"] or found[-1].name == "security driver"


def test_all_of_it(monkeypatch):
    found = list(doctor.examine("test:///default"))
    assert {"cpu", "kvm", "libvirt", "qemu", "dnsmasq", "memory", "disk", "port 53"} <= {
        check.name for check in found
    }
    assert all(check.found for check in found)
    assert doctor.failed([Check("x", "ok", ""), Check("y", "fail", "")])
