"""The packet filter of this host: all tables that see what guests send, and what becomes of that.

nftables and both flavours of iptables are read; ufw and Docker are among these. Left out are libvirt's own rules and
those of firewalld, which has a zone for libvirt's networks. Reading needs root.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from labctl.core.record import field, record
from labctl.host.machine import packets, routes
from labctl.host.machine.packets import Chain, Chains, Fate, Packet

Output = Callable[..., str | None]  # `host.machine.command.output`, or the same of a host

SERVICES = {"DHCP": 67, "DNS": 53}  # what guests ask of the host, by UDP
NFTABLES = 10_004_000  # since 10.4 libvirt has a table of its own, which can't overrule those of others
_NOT_OTHERS = ("libvirt_network", "firewalld")
_FAMILIES = {"ip": "iptables", "ip6": "ip6tables"}


@record
class Rules:
    """All chains that could be read; `unread` says why there may be others, in a few words.

    `shared` is the table where libvirt puts rules for its networks in front of those of others, empty where it has one
    of its own.
    """

    chains: Chains = field(default_factory=dict)
    unread: str = ""
    shared: str = ""

    def forwarding(self, bridge: str, family: str = "ip", *, opened: bool = True) -> tuple[Fate, str]:
        """What becomes of what guests send through this host, and the chain that decides.

        `opened` says that libvirt has rules for this network; in mode open it has none.
        """
        facts: dict[str, str | int] = {"iifname": bridge, "state": "new"}
        if uplink := routes.uplink():
            facts["oifname"] = uplink
        return self._fate(Packet("forward", family, facts), opened=opened)

    def asking(self, port: int, bridge: str, *, opened: bool = True) -> tuple[Fate, str]:
        """What becomes of what guests ask of this host itself."""
        facts: dict[str, str | int] = {"iifname": bridge, "state": "new", "l4proto": "udp", "dport": port}
        return self._fate(Packet("input", "ip", facts), opened=opened)

    def _fate(self, packet: Packet, *, opened: bool) -> tuple[Fate, str]:
        found, chain = packets.fate(self.chains, packet, self._lets_pass if opened else lambda _: False)
        return (Fate.UNKNOWN, "") if found is Fate.PASSES and self.unread else (found, chain)

    def _lets_pass(self, chain: Chain) -> bool:
        """Whether it has libvirt's rules, or will have them in front once a network is started."""
        if chain.table != self.shared:
            return False
        ours = "LIBVIRT_INP" if chain.hook == "input" else "LIBVIRT_FWO"
        unborn = (chain.family, chain.table, ours) not in self.chains
        return chain.name.startswith("LIBVIRT_") or (chain.hook in ("input", "forward") and unborn)


def read(output: Output, libvirt: int) -> Rules:
    """Read the rules of this host: `output` runs its programs, `libvirt` is the version of its libvirt."""
    if os.geteuid() != 0:
        return Rules(unread="only root can read the rules")
    ruleset = output("nft", "-j", "list", "ruleset")
    unread = [] if ruleset is not None else ["nft is not there to list what nftables have"]
    chains = packets.from_nft(json.loads(ruleset)) if ruleset else {}
    for family, command in _FAMILIES.items():
        # what iptables put into nftables is told better by itself: nft has no words for its extensions
        chains |= packets.from_iptables(output(f"{command}-nft-save") or "", family)
        if _read(Path(f"/proc/net/{family}_tables_names")):
            text = output(f"{command}-legacy-save")
            if text is None:
                unread.append(f"{command}-legacy-save is not there, but rules of it are")
            chains |= packets.from_iptables(text or "", family, " (legacy)")
    others = {key: chain for key, chain in chains.items() if chain.table not in _NOT_OTHERS}
    return Rules(others, "; ".join(unread), _shared(output) if libvirt < NFTABLES else "")


def _shared(output: Output) -> str:
    """The table of the iptables that libvirt calls."""
    return "filter (legacy)" if "legacy" in (output("iptables", "-V") or "") else "filter"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
