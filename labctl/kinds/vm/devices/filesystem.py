"""A folder of the host: https://libvirt.org/formatdomain.html#filesystems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.xmlfields import Declaration, Fixed, Property, Written
from labctl.core.xmlforms import PRESENT, Form
from labctl.kinds.vm.filesystems import NINEP, VIRTIOFS, FilesystemUse

if TYPE_CHECKING:
    from labctl.kinds.vm.spec import VmSpec

# libvirt calls 9p `path`, and leaves it out where it writes the XML itself
_DRIVER = Form(
    lambda driver: VIRTIOFS if driver == VIRTIOFS else None,
    lambda text: VIRTIOFS if text == VIRTIOFS else NINEP,
    NINEP,
)


def _access(use: FilesystemUse) -> str:
    """Of virtiofs there is no other mode than passthrough. With 9p the guest's owners and modes stand beside the files.

    So with 9p a guest makes no files of the host's root.
    """
    return "passthrough" if use.driver == VIRTIOFS else "mapped"


FILESYSTEM = Declaration(
    "devices/filesystem",
    FilesystemUse,
    Fixed("@type", "mount"),
    Written(_access, "@accessmode"),
    Property("driver", "driver/@type", _DRIVER),
    Property("source", "source/@dir"),
    Property("tag", "target/@dir"),
    Property("readonly", "readonly", PRESENT),
    Written(lambda use: f"ua-fs-{use.tag}", "alias/@name"),  # by which its place on the bus is kept
)


def shares_memory(spec: VmSpec | Any) -> bool:
    """Whether a VM's memory has to be shared with the programs that serve virtiofs."""
    return any(use.driver == VIRTIOFS for use in spec.filesystems)
