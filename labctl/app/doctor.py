"""Checks what this host lacks for labs, and names the command that mends it. Nothing is started or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.size import format_size
from labctl.host.libvirt import pools
from labctl.host.machine import firewall
from labctl.host.machine.doctor import kvm, libvirtd, network, resources, tools
from labctl.host.machine.doctor.check import FAIL, OK, Check, distribution
from labctl.kinds.image.store import ImageStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.host import Host

FORMAT = 1


def examine(host: Host) -> Iterator[Check]:
    """Give the result of each check as soon as it is done. A libvirt that does not answer is a failed check."""
    here = distribution()
    if host.local:
        yield from kvm.checks(here)
    seen = libvirtd.connect(host.uri)
    yield from libvirtd.checks(seen, here)
    if not host.local:
        return  # the rest can only be checked on the host itself
    yield from libvirtd.console_logs(host.uri)
    if host.uri == libvirtd.SYSTEM:
        yield from tools.groups(here)
    yield from tools.programs(here)
    yield resources.memory()
    yield from resources.pool(_pool_root(seen), here, system=host.uri == libvirtd.SYSTEM)
    if seen.virt:
        yield _store(host)
    version = seen.virt.getLibVersion() if seen.virt else 0
    yield from network.firewalls(here, firewall.read_rules(host.output, version or firewall.NFTABLES))
    yield network.dns_port()


def failed(checks: list[Check]) -> bool:
    """Whether a check failed that labs can't do without."""
    return any(check.verdict == FAIL for check in checks)


def _store(host: Host) -> Check:
    """The size of the image store, and of the images in it that no disk uses."""
    images = ImageStore(host).stored()
    idle = sum(each.bytes for each in images if not each.users)
    text = f"{len(images)} stored, {format_size(sum(each.bytes for each in images))}"
    if idle:
        text += f", of which {format_size(idle)} are unused: "
        text += "`labctl image prune` removes images that no Labfile.lock pins"
    return Check("images", OK, text)


def _pool_root(seen: libvirtd.Libvirt) -> str:
    if seen.virt is None:
        return "/var/lib/libvirt/images"
    return str(pools.root(seen.virt))
