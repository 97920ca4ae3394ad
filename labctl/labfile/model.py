"""The values of a Labfile, as the loader returns them: layers are merged, VMs are counted, parameters are filled in.

All records are frozen. Sizes are in bytes, durations in seconds, bandwidths in KiB/s; addresses are `ipaddress`
objects. A field is None where the Labfile leaves the choice to labctl; `engine.allocate` makes that choice. An address
that is written as a reference, such as `${vms.db.back.ip}`, is None as well until it is known. Until then a text with a
reference holds a placeholder (see `load.Loaded.with_references`).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import TYPE_CHECKING, Any, Literal

from labctl.core.lifecycle import Stage
from labctl.core.record import field, record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labctl.core.endpoint import Forward
    from labctl.core.errors import Position
    from labctl.core.host_reach import HostReach
    from labctl.host.builds.image_build import ImageBuild
    from labctl.kinds.provision.work import Work

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network
__all__ = ["Address", "IPv4Interface", "IPv6Interface", "LabModel", "Subnet"]


@record
class XmlEdit:
    """One entry of `xml:`, which edits the XML for libvirt.

    `at` is an ElementTree path of an element, or `PATH/@NAME` for an attribute.
    """

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
    """A network's DHCP. Where the Labfile does not set `enabled`, DHCP is on if the host has an address there."""

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
    """The image that a disk starts from; exactly one of `name`, `path`, `url` and `build` is set.

    `name` is a name of the catalogue, and `path` is absolute. With `url`, `algorithm` and `digest` (hex) are those of
    the file. With `build`, `digest` is the SHA-256 of the recipe as the Labfile states it.
    """

    name: str | None = None
    path: Path | None = None
    url: str | None = None
    algorithm: Literal["sha256", "sha512"] | None = None
    digest: str | None = None
    build: ImageBuild | None = None

    @property
    def label(self) -> str:
        """A short name, for messages and for the address `image/LABEL`: `debian-12`, `micro.qcow2`,
        `bookworm-1a2b3c4d`.
        """
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
    """A NIC of a VM. `ip` and `ip6` are None where labctl chooses an address, and False where there is to be none."""

    name: str  # from the field `nic`; by default the network's name
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
    """A VM waits until the instance `vm` has reached `stage`."""

    vm: str
    stage: Stage = Stage.READY


@record
class Condition:
    """One entry of `ready`; exactly one of `tcp` (a port), `exec` (a shell command) and `http` (a URL) is set."""

    tcp: int | None = None
    exec: str | None = None
    http: str | None = None
    timeout: float | None = None  # None: what remains of the VM's own timeout
    interval: float = 1.0
    origin: Literal["guest", "host"] = "guest"  # the field `from`


@record
class Folder:
    """One entry of `folders`: a folder of the host, `source`, that the guest has at `target`; both are absolute.

    With `auto`, labctl chooses the type (`engine.folders`). `place` is its place in the list of all layers.
    """

    source: Path
    target: str
    type: Literal["auto", "virtiofs", "9p", "rsync"] = "auto"
    readonly: bool = False
    owner: str | None = None  # None: the VM's user
    exclude: tuple[str, ...] = ()
    place: int = 0


@record
class ProvisionStep:
    """One entry of `provision`. `on` has the instances on which a step of the whole lab is done."""

    work: Work
    name: str = ""
    run: Literal["once", "changed", "always"] = "once"
    user: str = "root"
    env: tuple[tuple[str, str], ...] = ()
    on: tuple[str, ...] = ()
    reboot: bool = False


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
    """One VM of the lab: `web` with `count: 2` gives the instances `web-1` and `web-2`."""

    name: str
    base: str  # the VM's key in the Labfile, as `web`
    index: int | None = None  # None without `count`
    image: Image | None = None  # None: `image: none`
    cpus: int = 1
    memory: int = 1 << 30
    max_memory: int | None = None  # None: the same as `memory`
    disks: tuple[Disk, ...] = ()  # first the root disk, called `root`, if the VM has one
    nics: tuple[Nic, ...] = ()
    depends_on: tuple[Dependency, ...] = ()
    ready: tuple[Condition, ...] = ()
    folders: tuple[Folder, ...] = ()
    forwards: tuple[Forward, ...] = ()
    provision: tuple[ProvisionStep, ...] = ()
    cloud_init: Mapping[str, Any] | Literal[False] = field(default_factory=dict)
    hostname: str | None = None  # None: the VM's name
    user: str = "lab"
    arch: str | None = None  # None: the host's
    accel: Literal["auto", "kvm", "tcg"] = "auto"
    machine: str | None = None
    cpu: Cpu = Cpu()
    firmware: Literal["bios", "uefi"] | None = None  # None: what its image needs, else BIOS
    secure_boot: bool = False
    tpm: bool = False
    boot: Boot = Boot()
    graphics: Literal["none", "vnc", "spice"] = "none"
    autostart: bool = False
    state: Literal["running", "off"] = "running"
    protect: bool = False
    timeout: float = 300.0
    groups: tuple[str, ...] = ()  # all groups that this VM belongs to, outer groups first
    xml: tuple[XmlEdit, ...] = ()


@record
class LabModel:
    """All that a Labfile says.

    `path` is the Labfile's absolute path; for standard input it is `<working directory>/-`. Relative paths in the
    Labfile start from `folder`. `outside` has the files outside of `folder` that the Labfile names and the user did not
    give, by their paths; `written` those that a `fetch` writes outside of it, or hidden in it. `positions` maps the
    path of a field, as in `("vms", "web", "memory")`, to its position in the Labfile; `where` also finds the nearest
    field above.
    """

    name: str
    path: Path
    folder: Path
    description: str = ""
    warm: bool = False
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()
    vms: tuple[Vm, ...] = ()
    provision: tuple[ProvisionStep, ...] = ()  # of the whole lab, after those of the VMs
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # group → its instances
    children: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # group → its `children`, as written
    parameters: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()  # the names of secret parameters
    outside: Mapping[Path, HostReach] = field(default_factory=dict)
    written: Mapping[Path, HostReach] = field(default_factory=dict)
    positions: Mapping[tuple[str | int, ...], Position] = field(default_factory=dict, repr=False)

    def where(self, *path: str | int) -> Position | None:
        """Give the position of a field: `lab.where("vms", "web-1", "memory")`.

        A VM may be named by the name of an instance. Of a field that the Labfile leaves out, this is the position of
        the nearest field above; it is None where even that is unknown.
        """
        if path[:1] == ("vms",) and len(path) > 1:
            base = next((vm.base for vm in self.vms if vm.name == path[1]), path[1])
            path = ("vms", base, *path[2:])
        while path:
            if path in self.positions:
                return self.positions[path]
            path = path[:-1]
        return self.positions.get(())
