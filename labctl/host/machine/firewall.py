"""The rules of this host's packet filter, and whether they let the packets of guests pass.

The rules of nftables and of both variants of iptables are read; those of ufw and Docker are among them. libvirt's own
tables are left out, and firewalld's, which has a zone for libvirt's networks. Only root can read the rules.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from labctl.core.record import field, record
from labctl.host.machine import packet_filter, routes
from labctl.host.machine.packet_filter import Chain, Chains, Fate, Packet

Output = Callable[..., str | None]  # `host.machine.command.output`, or the same of a host

SERVICES = {"DHCP": 67, "DNS": 53}  # UDP ports of the host that guests send to
NFTABLES = (
    10_004_000  # since 10.4 libvirt has its own nftables table, which can't overrule a drop in other tables
)
_NOT_OTHERS = ("libvirt_network", "firewalld")
_FAMILIES = {"ip": "iptables", "ip6": "ip6tables"}


@record
class Rules:
    """The chains that could be read; `unread` says in a few words why there may be more.

    `libvirt_table` is the iptables table in which libvirt puts its rules before all others; empty if libvirt has its
    own table.
    """

    chains: Chains = field(default_factory=dict)
    unread: str = ""
    libvirt_table: str = ""

    def forward_fate(self, bridge: str, family: str = "ip", *, opened: bool = True) -> tuple[Fate, str]:
        """The fate of packets that guests send through this host, and the chain that decides.

        `opened` says that libvirt makes rules for this network, as it does in all modes but open.
        """
        facts: dict[str, str | int] = {"iifname": bridge, "state": "new"}
        if uplink := routes.uplink():
            facts["oifname"] = uplink
        return self._fate(Packet("forward", family, facts), opened=opened)

    def input_fate(self, port: int, bridge: str, *, opened: bool = True) -> tuple[Fate, str]:
        """The fate of packets that guests send to a UDP port of this host, and the chain that decides."""
        facts: dict[str, str | int] = {"iifname": bridge, "state": "new", "l4proto": "udp", "dport": port}
        return self._fate(Packet("input", "ip", facts), opened=opened)

    def _fate(self, packet: Packet, *, opened: bool) -> tuple[Fate, str]:
        found, chain = packet_filter.fate(self.chains, packet, self._lets_pass if opened else lambda _: False)
        return (Fate.UNKNOWN, "") if found is Fate.PASSES and self.unread else (found, chain)

    def _lets_pass(self, chain: Chain) -> bool:
        """Whether the chain has libvirt's rules, or will begin with them once a network is started."""
        if chain.table != self.libvirt_table:
            return False
        libvirts = "LIBVIRT_INP" if chain.hook == "input" else "LIBVIRT_FWO"
        missing = (chain.family, chain.table, libvirts) not in self.chains
        return chain.name.startswith("LIBVIRT_") or (chain.hook in ("input", "forward") and missing)


def read_rules(output: Output, libvirt_version: int) -> Rules:
    """Read the rules of this host. `output` runs its programs; the version is as in virConnectGetLibVersion."""
    if os.geteuid() != 0:
        return Rules(unread="only root can read the rules")
    ruleset = output("nft", "-j", "list", "ruleset")
    unread = [] if ruleset is not None else ["nft is not there to list what nftables have"]
    chains = packet_filter.from_nft(json.loads(ruleset)) if ruleset else {}
    for family, command in _FAMILIES.items():
        # iptables shows its rules in nftables better than nft, which can't show the extensions of iptables
        chains |= packet_filter.from_iptables(output(f"{command}-nft-save") or "", family)
        if _file_text(Path(f"/proc/net/{family}_tables_names")):
            text = output(f"{command}-legacy-save")
            if text is None:
                unread.append(f"{command}-legacy-save is not there, but rules of it are")
            chains |= packet_filter.from_iptables(text or "", family, " (legacy)")
    others = {key: chain for key, chain in chains.items() if chain.table not in _NOT_OTHERS}
    return Rules(others, "; ".join(unread), _iptables_table(output) if libvirt_version < NFTABLES else "")


def _iptables_table(output: Output) -> str:
    """The table of that variant of iptables which libvirt calls."""
    return "filter (legacy)" if "legacy" in (output("iptables", "-V") or "") else "filter"


def _file_text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
