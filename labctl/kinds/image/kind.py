"""Images, as the registry has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.found import Found
from labctl.kinds import Kind
from labctl.kinds.image.spec import ImageSpec

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.kinds.image.driver import ImageDriver


def _driver(host: Host, _keys: Keys) -> ImageDriver:
    from labctl.kinds.image.driver import ImageDriver  # most runs have nothing to do

    return ImageDriver(host)


def _observe(_look: Look) -> Found[ImageSpec]:
    """Nothing: which of the store's images are a lab's only its Labfile tells (`engine.sources`)."""
    return Found()


IMAGE = Kind(ImageSpec, _driver, _observe)
