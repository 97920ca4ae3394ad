"""What a plan shows of a new network: its mode and subnets, and whatever differs from the Labfile's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.size import format_size
from labctl.core.spec import BriefPart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.kinds.network.spec import NetworkSpec


def plan_summary(spec: NetworkSpec) -> tuple[BriefPart, ...]:
    """Where it leads and who can be reached on it, then what the host does there."""
    if spec.attached:
        return (BriefPart(f"{spec.mode} to {spec.bridge or spec.dev}"), *map(BriefPart, _besides(spec)))
    subnets = [each for each in (spec.subnet4, spec.subnet6) if each]
    told = (" ".join([spec.mode, *subnets]), _host(spec), _gateway(spec), *_besides(spec))
    return tuple(BriefPart(text) for text in told if text)


def _hosts(spec: NetworkSpec) -> tuple[str, ...]:
    return tuple(each.partition("/")[0] for each in (spec.host4, spec.host6) if each)


def _gateway(spec: NetworkSpec) -> str:
    """The gateway, unless it is the default: the host in modes nat and routed, none in others."""
    if spec.gateways == (_hosts(spec) if spec.mode in ("nat", "routed") else ()):
        return ""
    return f"gateway {' '.join(spec.gateways)}" if spec.gateways else "no gateway"


def _host(spec: NetworkSpec) -> str:
    """The host's addresses and services; services that it does not offer come last."""
    hosts = _hosts(spec)
    if not hosts:
        return "without the host"
    dhcp = "DHCP" if spec.dhcp_hosts or spec.dhcp_range else "no DHCP"
    dns = "DNS" if spec.dns else "no DNS"
    dns += f" {spec.domain}" * (spec.domain not in ("", f"{spec.lab}.lab"))
    served = sorted(
        (" ".join(filter(None, (dhcp, spec.dhcp_range))), dns), key=lambda each: each[:3] == "no "
    )
    return f"host {' '.join(hosts)}, {', '.join(served)}"


def _besides(spec: NetworkSpec) -> Iterator[str]:
    words = {
        f"through {spec.dev}": spec.dev and not spec.attached,
        f"boots {spec.boot_file}": spec.boot_file,
        "routes " + ", ".join(spec.routes): spec.routes,
        "DNS asks " + ", ".join(spec.forwarders): spec.forwarders,
        f"mtu {spec.mtu}": spec.mtu,
        f"vlan {spec.vlan}": spec.vlan,
        f"inbound {format_size(spec.inbound << 10)}/s": spec.inbound,
        f"outbound {format_size(spec.outbound << 10)}/s": spec.outbound,
        "guests isolated": spec.isolated,
        "starts with the host": spec.autostart,
        f"{len(spec.xml)} xml edit{'s' * (len(spec.xml) > 1)}": spec.xml,
    }
    return (word for word, applies in words.items() if applies)
