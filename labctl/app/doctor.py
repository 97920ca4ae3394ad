"""What this host lacks for a lab, and the command that mends it. Starts and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.size import size
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
    """Every check, each as soon as it is done; that libvirt does not answer is one of them."""
    here = distribution()
    if host.local:
        yield from kvm.checks(here)
    seen = libvirtd.connect(host.uri)
    yield from libvirtd.checks(seen, here)
    if not host.local:
        return  # the rest can only be seen on that host itself
    if host.uri == libvirtd.SYSTEM:
        yield from tools.groups(here)
    yield from tools.programs(here)
    yield resources.memory()
    yield from resources.pool(_pool_root(seen), here, system=host.uri == libvirtd.SYSTEM)
    if seen.virt:
        yield _store(host)
    version = seen.virt.getLibVersion() if seen.virt else 0
    yield from network.firewalls(here, firewall.read(host.output, version or firewall.NFTABLES))
    yield network.dns_port()


def failed(checks: list[Check]) -> bool:
    """Whether something has to be mended before labs can run."""
    return any(check.verdict == FAIL for check in checks)


def _store(host: Host) -> Check:
    """What the images take, and how much of that nothing stands on."""
    images = ImageStore(host).stored()
    idle = sum(each.bytes for each in images if not each.users)
    text = f"{len(images)} stored, {size(sum(each.bytes for each in images))}"
    if idle:
        text += f", of which {size(idle)} are in no use: `labctl image prune` removes what no lock pins"
    return Check("images", OK, text)


def _pool_root(seen: libvirtd.Libvirt) -> str:
    if seen.virt is None:
        return "/var/lib/libvirt/images"
    return str(pools.root(seen.virt))
