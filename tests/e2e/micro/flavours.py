"""What micro guests are made of: an architecture, a kernel, and the modules that are loaded at boot."""

from dataclasses import dataclass, field

from tests.e2e.micro.packages import HOST, Archive

# Loaded by init, in this order, each after what it needs; what a kernel has built in or lacks is left out.
VIRTIO = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_balloon")
EXT4 = ("crc32c_generic", "ext4")  # which asks for its checksum by name
INPUT = ("button", "gpio_keys", "evdev")
DISKS = ("virtio_scsi", "ahci", "ata_piix", "nvme", "sd_mod", "sr_mod")
CARDS = ("e1000", "e1000e", "8139cp", "8139too", "vmxnet3", "pcnet32")
# Loaded on demand
OTHER = ("overlay", "virtio-rng", "virtio_scsi", "sd_mod", "virtiofs", "efivarfs")


@dataclass(frozen=True)
class Loader:
    """A file of a package, and its place on an EFI system partition."""

    package: str
    path: str
    place: str


@dataclass(frozen=True)
class Flavour:
    """One kind of micro guest. `arch` is libvirt's word, `kernel` a metapackage of `archive`'s.

    With `loaders` there is a disk too that boots by UEFI.
    """

    name: str
    kernel: str
    console: str = "ttyS0"
    arch: str = "x86_64"
    archive: Archive = HOST
    modules: tuple[str, ...] = field(default=(*VIRTIO, "isofs", *INPUT))
    loaders: tuple[Loader, ...] = ()

    @property
    def cmdline(self) -> str:
        return f"console={self.console} quiet"


CLOUD = Flavour("micro", "linux-image-cloud-amd64")
# With drivers for hardware that a cloud has not
GENERAL = Flavour(
    "general",
    "linux-image-amd64",
    modules=(*VIRTIO, *DISKS, *CARDS, "isofs", *EXT4, *INPUT),
    loaders=(
        Loader("shim-signed", "usr/lib/shim/shimx64.efi.signed", "EFI/BOOT/BOOTX64.EFI"),
        Loader(
            "grub-efi-amd64-signed",
            "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
            "EFI/BOOT/grubx64.efi",
        ),
    ),
)
AARCH64 = Flavour(
    "aarch64",
    "linux-image-arm64",
    console="ttyAMA0",
    arch="aarch64",
    archive=Archive("arm64", "bookworm"),
    modules=(*VIRTIO, "isofs", *EXT4, *INPUT),
    loaders=(
        Loader(
            "grub-efi-arm64-signed",
            "usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed",
            "EFI/BOOT/BOOTAA64.EFI",
        ),
    ),
)
# Debian has it since 13
RISCV64 = Flavour(
    "riscv64",
    "linux-image-riscv64",
    arch="riscv64",
    archive=Archive("riscv64", "trixie"),
    modules=(*VIRTIO, "isofs", *EXT4, *INPUT),
)
FLAVOURS = (CLOUD, GENERAL, AARCH64, RISCV64)
