"""What a Labfile says, after layers, `count` and parameters: the loader's result.

Everything is frozen. Sizes are bytes, durations are seconds, bandwidths are KiB/s, addresses are `ipaddress` objects.
What a Labfile leaves to labctl is `None` here; `engine.allocate` fills it in. So is an address, until it is known, that
follows from a reference such as `${vms.db.back.ip}`; a text with one holds its mark (see `load.Loaded.filled`).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import TYPE_CHECKING, Any, Literal

from labctl.core.lifecycle import Stage
from labctl.core.record import field, record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labctl.core.errors import Position
    from labctl.host.builds.image_build import ImageBuild

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network
__all__ = ["Address", "IPv4Interface", "IPv6Interface", "LabModel", "Subnet"]


@record
class XmlEdit:
    """One entry of the escape hatch `xml:` (`at` is an ElementTree path, `…/@name` an attribute)."""

    at: str
    action: Literal["set", "add", "remove"]
    value: str = ""  # text or attribute value for `set`, an XML fragment for `add`, empty for `remove`


@record
class Bandwidth:
    """Average rates in KiB/s, libvirt's unit (https://libvirt.org/formatnetwork.html#quality-of-service)."""

    inbound: int | None = None
    outbound: int | None = None


@record
class Route:
    to: Subnet
    via: Address


@record
class Dhcp:
    """`enabled` is None where the Labfile is silent: then DHCP is on where the host has an address."""

    enabled: bool | None = None
    range: tuple[IPv4Address, IPv4Address] | None = None
    boot_server: str | None = None
    boot_file: str | None = None


@record
class Network:
    name: str
    mode: Literal["nat", "isolated", "routed", "open", "bridge", "macvtap"] = "nat"
    external: str | None = None
    subnet: IPv4Network | Literal[False] | None = None  # None: labctl chooses
    ipv6: IPv6Network | bool = False  # True: labctl chooses a ULA
    host: tuple[Address, ...] | Literal[False] | None = None  # None: the first address of each subnet
    gateway: Address | str | Literal[False] | None = None  # str: a VM's name; None: the mode's default
    dhcp: Dhcp = Dhcp()
    domain: str | None = None
    dns_forwarders: tuple[str, ...] = ()
    dns_hosts: tuple[tuple[str, Address], ...] = ()  # (name, ip), sorted by name
    reserve: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    bridge: str | None = None
    dev: str | None = None
    mtu: int | None = None
    vlan: int | None = None
    bandwidth: Bandwidth | None = None
    isolate_guests: bool = False
    xml: tuple[XmlEdit, ...] = ()


@record
class Image:
    """Where a disk's base comes from; exactly one of `name`, `path`, `url` and `build` is set.

    `name` is a catalogue name, `path` is absolute, `algorithm` and `digest` (hex) go with `url`. `build` is what is to
    be built, and `digest` then tells it from others, as the Labfile states it.
    """

    name: str | None = None
    path: Path | None = None
    url: str | None = None
    algorithm: Literal["sha256", "sha512"] | None = None
    digest: str | None = None
    build: ImageBuild | None = None

    @property
    def label(self) -> str:
        """A short name for people and addresses: `debian-12`, `micro.qcow2`, `bookworm-1a2b3c4d`."""
        if self.name:
            return self.name
        if self.build:
            return f"{self.build.suite}-{str(self.digest)[:8]}"
        return self.path.name if self.path else str(self.url).rstrip("/").rsplit("/", 1)[-1]


@record
class Disk:
    name: str
    size: int | None = None  # None: the image's virtual size (root disk), or that of the volume
    image: Image | None = None
    volume: str | None = None  # the name of a shared volume of the lab; then size and image are None
    bus: Literal["virtio", "scsi", "sata", "ide", "nvme"] = "virtio"
    cache: str | None = None
    discard: str | None = None
    serial: str | None = None  # None: the disk's name


@record
class Volume:
    name: str
    size: int


@record
class Nic:
    """`ip` and `ip6`: None, labctl chooses; False, none at all."""

    name: str  # the field `nic`, by default the network's name
    network: str
    ip: IPv4Address | Literal[False] | None = None
    ip6: IPv6Address | Literal[False] | None = None
    mac: str | None = None  # lower case
    model: str = "virtio"
    mtu: int | None = None
    link: Literal["up", "down"] = "up"
    routes: tuple[Route, ...] = ()
    default_route: bool | None = None  # None: the first NIC that reaches a gateway
    bandwidth: Bandwidth | None = None


@record
class Dependency:
    """`vm` is an instance; counted names and groups are already expanded."""

    vm: str
    stage: Stage = Stage.READY


@record
class Condition:
    """One entry of `ready`; exactly one of `tcp`, `exec` and `http` is set."""

    tcp: int | None = None
    exec: str | None = None
    http: str | None = None
    timeout: float | None = None  # None: what is left of the VM's own
    interval: float = 1.0
    origin: Literal["guest", "host"] = "guest"  # the field `from`


@record
class Cpu:
    mode: Literal["host", "maximum", "custom"] | None = None
    model: str | None = None
    nested: bool | None = None
    topology: tuple[int, int, int] | None = None  # sockets, cores, threads


@record
class Boot:
    kernel: Path | None = None
    initrd: Path | None = None
    cmdline: str | None = None
    order: tuple[str, ...] = ()  # names of disks and NICs


@record
class Vm:
    """One instance: `web` with `count: 2` gives the VMs `web-1` and `web-2`."""

    name: str
    base: str  # the VM as written in the Labfile
    index: int | None = None  # only with `count`
    image: Image | None = None  # None: `image: none`
    cpus: int = 1
    memory: int = 1 << 30
    max_memory: int | None = None  # None: as `memory`
    disks: tuple[Disk, ...] = ()  # the root disk first, called `root`, where there is one
    nics: tuple[Nic, ...] = ()
    depends_on: tuple[Dependency, ...] = ()
    ready: tuple[Condition, ...] = ()
    cloud_init: Mapping[str, Any] | Literal[False] = field(default_factory=dict)
    hostname: str | None = None  # None: the VM's name
    user: str = "lab"
    arch: str | None = None  # None: the host's
    accel: Literal["auto", "kvm", "tcg"] = "auto"
    machine: str | None = None
    cpu: Cpu = Cpu()
    firmware: Literal["bios", "uefi"] | None = None  # None: what its image boots by, else BIOS
    secure_boot: bool = False
    tpm: bool = False
    boot: Boot = Boot()
    graphics: Literal["none", "vnc", "spice"] = "none"
    autostart: bool = False
    state: Literal["running", "off"] = "running"
    protect: bool = False
    timeout: float = 300.0
    groups: tuple[str, ...] = ()  # every group that holds this VM, outer first
    xml: tuple[XmlEdit, ...] = ()


@record
class LabModel:
    """A whole Labfile.

    `path` is the Labfile's absolute path (for standard input, `<working directory>/-`), `folder` what relative paths
    start from. `secrets` holds the values of secret parameters, for redaction. `positions` maps a field's path, as in
    `("vms", "web", "memory")`, to where the Labfile states it; `where` looks up the nearest.
    """

    name: str
    path: Path
    folder: Path
    description: str = ""
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()
    vms: tuple[Vm, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # group → its instances
    parameters: Mapping[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    positions: Mapping[tuple[str | int, ...], Position] = field(default_factory=dict, repr=False)

    def where(self, *path: str | int) -> Position | None:
        """Say where a field stands: `lab.where("vms", "web-1", "memory")`.

        An instance's name stands for the VM as written; a field that the Labfile leaves out is at its parent.
        """
        if path[:1] == ("vms",) and len(path) > 1:
            base = next((vm.base for vm in self.vms if vm.name == path[1]), path[1])
            path = ("vms", base, *path[2:])
        while path:
            if path in self.positions:
                return self.positions[path]
            path = path[:-1]
        return self.positions.get(())
