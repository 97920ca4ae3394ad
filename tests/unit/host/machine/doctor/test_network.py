"""What stands in the way of guests' packets, on made-up hosts."""

import pytest

from labctl.host.machine.doctor import network
from labctl.host.machine.doctor.check import Check, Distribution
from labctl.host.machine.firewall import Rules
from labctl.host.machine.packet_filter import Chain

DEBIAN = Distribution(0, "sudo ")


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
        assert check.advice == "see `sudo nft list chain inet guard forward`"

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
