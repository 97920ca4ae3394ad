"""labctl's metadata in a network, for values that libvirt's XML has no place for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import xmltree
from labctl.core.edits import EDITS
from labctl.core.identity import XMLNS
from labctl.core.version import VERSION
from labctl.core.xmlfields import Declaration, Property, Written
from labctl.core.xmlforms import prefixed
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from labctl.core.xmltree import Element

METADATA = Declaration(
    f"metadata/{{{XMLNS}}}network",
    NetworkSpec,
    Property("lab", "@lab"),
    Property("name", "@address", prefixed("network/")),
    Property("file", "@file"),
    Written(lambda _spec: VERSION, "@version"),
    Property("applied", "@applied"),
    Property("mode", "@mode"),  # the XML of bridge and macvtap is the same
    Property("subnet4", "@subnet4"),  # the XML has only the host's address, if the host has one
    Property("subnet6", "@subnet6"),
    Property("xml", "@xml", EDITS),
)


def render(spec: NetworkSpec) -> Element:
    """Make the `<metadata>` element."""
    return xmltree.metadata(METADATA.render(spec))
