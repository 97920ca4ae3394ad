"""A folder of the host as a device of a VM: what the guest mounts by its tag."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.spec import Effect, Item, owned

VIRTIOFS, NINEP = "virtiofs", "9p"
TAG = "labctl-"  # with which the tags of the Labfile's folders begin


@record
class FilesystemUse(Item):
    """A folder that the guest finds by `tag`. `driver` is virtiofs or 9p.

    No libvirt plugs a 9p device in or out of a running VM, and libvirt 9.0 ends where virtiofs is plugged in (measured;
    see docs/adr/0037): only to unplug virtiofs needs no restart (`change_costs`).
    """

    tag: str
    source: str = owned(Effect.RESTART)  # the path on the libvirt host
    driver: str = owned(Effect.RESTART, default=VIRTIOFS)
    readonly: bool = owned(Effect.RESTART, default=False)

    @property
    def key(self) -> str:
        return self.tag

    @property
    def name(self) -> str:
        return self.tag

    def __str__(self) -> str:
        return ", ".join([self.driver, self.source, *["read only"] * self.readonly])
