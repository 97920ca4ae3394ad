"""The kind of provisioning steps for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.found import Found
from labctl.kinds import Kind
from labctl.kinds.provision.spec import ProvisionSpec

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.kinds.provision.verbs import Provisioner


def _driver(host: Host, keys: Keys) -> Provisioner:
    from labctl.kinds.provision.driver import ProvisionDriver  # most runs have nothing to do

    return ProvisionDriver(host, keys)


def _observe(_look: Look) -> Found[ProvisionSpec]:
    """None: only the Labfile says at which place a step is whose record a VM has (`engine.provision.done`)."""
    return Found()


PROVISION = Kind(ProvisionSpec, _driver, _observe)
