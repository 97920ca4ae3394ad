"""Checks what this host lacks for labs, and names the command that mends it. Nothing is started or changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labctl.core.size import format_size
from labctl.host.libvirt import pools, uri
from labctl.host.machine import cgroups, command, firewall
from labctl.host.machine.doctor import kvm, libvirtd, network, resources, rootless, tools
from labctl.host.machine.doctor.check import FAIL, OK, WARN, Check, distribution
from labctl.host.rootless import state, way_out, world
from labctl.kinds.image.store import ImageStore
from labctl.kinds.warm import store as warm_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.host import Host
    from labctl.host.machine.doctor.check import Distribution

FORMAT = 1


def examine(host: Host) -> Iterator[Check]:
    """Give the result of each check as soon as it is done. A libvirt that does not answer is a failed check."""
    here = distribution()
    if host.rootless:
        if host.why_rootless:
            yield Check("libvirt", OK, f"your own, rootless, since the system's {host.why_rootless}")
        yield from map(rootless.asking, _rootless(here))
        return
    if host.local:
        yield from kvm.checks(here)
    seen = libvirtd.connect(host.uri)
    yield from libvirtd.checks(seen, here)
    if not host.local:
        return  # the rest can only be checked on the host itself
    yield from libvirtd.console_logs(host.uri)
    if uri.is_session(host.uri):
        found, advice = "qemu:///session has no networks of labs", "`labctl -c rootless` has them"
        yield Check("networks", WARN, found, advice=advice)
    if host.uri == uri.SYSTEM:
        yield from tools.groups(here)
    yield from tools.programs(here)
    yield resources.memory()
    yield from resources.pool(_pool_root(seen), here, system=host.uri == uri.SYSTEM)
    if seen.virt:
        yield _images(host)
        yield _warm_states(host)
    version = seen.virt.getLibVersion() if seen.virt else 0
    yield from network.firewalls(here, firewall.read_rules(host.output, version or firewall.NFTABLES))
    yield network.dns_port()


def _rootless(here: Distribution) -> Iterator[Check]:
    """What a user's own libvirt needs, and whether it runs. It is not started to look inside."""
    yield from kvm.checks(here, opening=rootless.opening_kvm(here))
    yield from rootless.checks(here)
    yield from rootless.at_logout()
    yield from rootless.kvm_inside(here)
    running = world.running()
    found = f"runs, kept by PID {running.keeper.pid}" if running else "does not run; what needs it starts it"
    yield Check("rootless", OK, f"your own libvirt {found}")
    if running and command.path("pasta") and not way_out.is_open(running.init.pid):
        found = "labs have none: pasta does not run, or this machine has no way out itself"
        advice = f"{state.State(state.root()).log} has what pasta said; it is started again within a minute"
        yield Check("way out", WARN, found, advice=advice)
    yield from tools.programs(here, inside=True)
    yield resources.memory(limit=cgroups.memory_left(os.getpid()))
    yield from resources.pool(str(state.root()), here, system=False)


def failed(checks: list[Check]) -> bool:
    """Whether a check failed that labs can't do without."""
    return any(check.verdict == FAIL for check in checks)


def _images(host: Host) -> Check:
    """The size of the images in the store, and of those that nothing uses."""
    images = ImageStore(host).stored()
    sizes = [each.bytes for each in images]
    unused = [each.bytes for each in images if not each.users]
    return _in_store("images", sizes, unused, "`labctl image prune` removes images that no Labfile.lock pins")


def _warm_states(host: Host) -> Check:
    """The size of the warm states in the store, and of those on which no disk stands."""
    states = [each for each in warm_store.look(host) if each.warm.finished]
    sizes = [each.warm.size for each in states]
    unused = [each.warm.size for each in states if not each.users]
    return _in_store("warm states", sizes, unused, "`labctl image prune` removes them")


def _in_store(name: str, sizes: list[int], unused: list[int], how_to_remove: str) -> Check:
    text = f"{len(sizes)} stored, {format_size(sum(sizes))}"
    if unused:
        text += f", of which {format_size(sum(unused))} are unused: {how_to_remove}"
    return Check(name, OK, text)


def _pool_root(seen: libvirtd.Libvirt) -> str:
    if seen.virt is None:
        return "/var/lib/libvirt/images"
    return str(pools.root(seen.virt))
