"""The values of a VM's spec: its disks and NICs, as the VM uses them, and its `ready` conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.record import field, record, replace
from labctl.core.size import format_size
from labctl.core.spec import Effect, Item, owned
from labctl.guest.nic_config import NicConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.core.ip import IpAddress

LIVE, RESTART, REPLACE = Effect.LIVE, Effect.RESTART, Effect.REPLACE
OWN, NO_LIMIT, UNORDERED = "libvirt's own", "no limit", "not in the order"
BUS = MODEL = "virtio"
HOTPLUG_BUSES = ("virtio", "scsi")
UNTOLD = "its guest was not told yet"


@record
class DiskUse(Item):
    """A disk as a VM uses it. `target` (`vda`) is chosen once and kept; guests find the disk by its serial.

    `below` are the paths of the backing chain below the source, the nearest first, as far as libvirt knows them. A
    snapshot puts an overlay on the lab's volume. `source` is then the overlay, and `volume` is the path and the format
    of the lab's volume.
    """

    name: str
    source: str = owned(LIVE)  # the path on the libvirt host
    disk: str = ""  # the address name of the disk, "web-1/data"; empty for a seed
    format: str = owned(LIVE, default="qcow2")
    bus: str = owned(LIVE, default=BUS)
    cache: str = owned(LIVE, default="", unset=OWN)
    discard: str = owned(LIVE, default="", unset=OWN)
    serial: str = owned(LIVE, default="")
    shareable: bool = owned(LIVE, default=False)
    readonly: bool = False
    boot: int = owned(RESTART, default=0, unset=UNORDERED)  # the place in the boot order, from 1; 0 for none
    target: str = ""
    # only plans show these: the size in bytes and the name of the image, if they are known
    size: int | None = field(default=None, repr=False, compare=False)
    image: str = field(default="", repr=False, compare=False)
    below: tuple[str, ...] = ()
    volume: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.name

    def onward(self, before: DiskUse | None) -> DiskUse:
        """This disk with the overlays that the existing disk has on its volume."""
        if before is None or self.source not in before.below:
            return self
        return replace(
            self,
            source=before.source,
            format=before.format,
            below=before.below,
            volume=(self.source, self.format),
        )

    @property
    def as_applied(self) -> DiskUse:
        """The disk without overlays: labctl applied its volume, which may be made anew."""
        if not self.volume:
            return self
        source, form = self.volume
        return replace(self, source=source, format=form, below=(), volume=())

    def effect(self, declared: Effect) -> Effect:
        if self.name in ("root", "seed"):
            return max(declared, RESTART)
        return declared if self.bus in HOTPLUG_BUSES else max(declared, RESTART)

    def __str__(self) -> str:
        return ", ".join(
            [self.bus, self.source.rsplit("/", 1)[-1], *([format_size(self.size)] if self.size else [])]
        )


def left_files(before: Iterable[DiskUse], after: Iterable[DiskUse]) -> list[str]:
    """The files that disks are taken off, unless the other file stands on them."""
    had = {use.name: use for use in before}
    return [
        had[use.name].source
        for use in after
        if use.name in had and not use.readonly and had[use.name].source not in ("", use.source, *use.below)
    ]


@record
class NicUse(Item):
    """A NIC as a VM uses it.

    `guest` is its configuration inside the guest. `seen` are the addresses that the guest reported, for a NIC that gets
    its addresses from a DHCP server other than labctl's. `port` is the UUID of the network port of a running VM's NIC;
    `unplugged` is YES if the network has lost that port, as after a stop.
    """

    name: str
    mac: str = owned(LIVE)
    network: str = owned(LIVE)  # the libvirt network's name
    ours: str = ""  # the address name of the network, empty for an external one
    model: str = owned(LIVE, default=MODEL)
    link: str = owned(LIVE, default="up")
    mtu: int = owned(LIVE, default=0, unset="its network's")
    inbound: int = owned(LIVE, default=0, unit="KiB/s", unset=NO_LIMIT)
    outbound: int = owned(LIVE, default=0, unit="KiB/s", unset=NO_LIMIT)
    boot: int = owned(RESTART, default=0, unset=UNORDERED)
    guest: NicConfig = owned(LIVE, default=NicConfig(), drift=UNTOLD)
    unplugged: str = owned(LIVE, default="", unset="plugged in")
    port: str = ""
    # the addresses that labctl gives; a guest without a seed gets them by DHCP
    given: tuple[IpAddress, ...] = field(default=(), repr=False, compare=False)
    seen: tuple[IpAddress, ...] = field(default=(), repr=False, compare=False)

    @property
    def key(self) -> str:
        return self.name

    def __str__(self) -> str:
        more = [] if self.model == MODEL else [self.model]
        more += [f"link {self.link}"] * (self.link != "up")
        return ", ".join([self.network, self.mac, *map(str, self.addresses), *more])

    @property
    def addresses(self) -> tuple[IpAddress, ...]:
        """The addresses that labctl gives the NIC; for an existing NIC those of its guest's configuration."""
        return self.given or tuple(each.ip for each in self.guest.addresses)


@record
class ReadyCheck:
    """A `ready` condition: `kind` is tcp, exec or http; `value` is a port, a command or a URL.

    `addresses` are those to which the host connects if the condition is checked from the host. `timeout` and
    `interval` are in seconds.
    """

    kind: str
    value: str
    timeout: float | None = None
    interval: float = 1.0
    from_host: bool = False
    addresses: tuple[IpAddress, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


@record
class SavedMemory:
    """The memory of a VM in a file on the libvirt host; `moment` is when it was saved, as people read it.

    `variables` is the volume of the store with the variables of its UEFI.
    """

    path: str
    moment: str
    bytes: int
    variables: str = ""

    @property
    def told(self) -> str:
        return f"restored from {self.moment}, {format_size(self.bytes)}"
