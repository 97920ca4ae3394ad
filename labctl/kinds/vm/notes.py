"""labctl's notes in the metadata of a domain, which may have changed since it was last read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity
from labctl.core.record import replace
from labctl.kinds.vm import metadata, xml

if TYPE_CHECKING:
    from labctl.kinds.vm.spec import VmSpec


def note(domain: Any, spec: VmSpec, flag: int) -> None:  # a virDomain
    """Write what the spec says to the metadata: of the running domain or of its definition, as `flag` says."""
    text = metadata.plain(spec)
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, "labctl", identity.XMLNS, flag)


def change(domain: Any, **values: Any) -> None:
    """Change these values of the running domain's notes, if they differ and nobody removed labctl's mark."""
    live = xml.read(ET.fromstring(domain.XMLDesc()))
    if live is not None and (changed := replace(live, **values)) != live:
        note(domain, changed, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def unready(domain: Any) -> None:
    """Take back that the running VM is ready.

    A guest that pauses is behind its time, and one whose memory was saved goes on with old random numbers too. Nobody
    is told that it is ready before it was told of this, even if this run or libvirtd ends meanwhile.
    """
    change(domain, ready=False)
