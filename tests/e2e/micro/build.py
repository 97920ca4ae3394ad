"""Building the micro guest's kernel, initrd and disk images from packages and the files below root/."""

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.micro import packages
from tests.surroundings import prepared

CACHE = prepared() / "labctl-tests"
ROOT = Path(__file__).parent / "root"
GUEST_SCRIPT = Path(__file__).parents[3] / "templates" / "guest" / "labctl-guest.sh"
CMDLINE = "console=ttyS0 quiet"

BUSYBOX = Path("/bin/busybox")
PROGRAMS = {Path("/usr/sbin/dropbear"): "usr/sbin/dropbear"}
BOOT_MODULES = (  # loaded by init, in this order, each after what it needs; what is built in is left out
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_console",
    "virtio_balloon",
    "isofs",
    "button",
    "evdev",
)
OTHER_MODULES = ("overlay", "virtio-rng", "virtio_scsi", "sd_mod", "virtiofs")  # loaded on demand
FOLDERS = (
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "root",
    "home/lab",
    "srv",
    "mnt",
    "var/log",
    "etc/dropbear",
    "etc/ssh",
    "boot",
)
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nlab:x:0:0:lab:/home/lab:/bin/sh\n",
    "etc/shadow": "root:*:1::::::\nlab:*:1::::::\n",
    "etc/group": "root:x:0:\n",
    "etc/shells": "/bin/sh\n",
    "usr/bin/getent": '#!/bin/sh\nexec grep "^$2:" "/etc/$1"\n',
    "etc/os-release": 'ID=micro\nNAME="labctl micro guest"\n',
    # everyone is root here, so sudo drops its own options and runs the rest
    "usr/bin/sudo": '#!/bin/sh\nwhile :; do case $1 in -u) shift 2 ;; -*) shift ;; *) exec "$@" ;; esac; done\n',
}
IMAGE_SIZE = "64M"


@dataclass(frozen=True)
class MicroGuest:
    """Paths of what a domain needs; `image` is an empty root, `pxe_image` holds what /bin/pxe-server serves."""

    kernel: Path
    initrd: Path
    image: Path
    pxe_image: Path
    cmdline: str = CMDLINE


def build(target: Path = CACHE) -> MicroGuest:
    """The micro guest below `target`, made only when an input changed. CalledProcessError when a tool fails.

    Needs the package archive when no kernel is in the cache, which the private libvirtd's network does not reach.
    """
    kernel = packages.unpacked("linux-image-cloud-amd64", target / "kernel")
    sftp = packages.unpacked("openssh-sftp-server", target / "sftp")
    done = target / f"micro-{_digest(kernel, sftp)}"
    if not done.exists():
        with tempfile.TemporaryDirectory(dir=target) as work:
            made = Path(work) / "made"
            made.mkdir()
            _make(made, kernel, sftp, Path(work))
            made.rename(done)
        _forget_older(target, done)
    return MicroGuest(done / "vmlinuz", done / "initrd", done / "micro.qcow2", done / "micro-pxe.qcow2")


def _make(made: Path, kernel: Path, sftp: Path, work: Path) -> None:
    shutil.copy(next(kernel.glob("boot/vmlinuz-*")), made / "vmlinuz")
    tree = work / "tree"
    shutil.copytree(ROOT, tree)
    for name in FOLDERS:
        (tree / name).mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        _write(tree / name, text.encode())
    _copy_program(sftp / "usr/lib/openssh/sftp-server", tree / "usr/lib/sftp-server", tree)
    for program, name in PROGRAMS.items():
        _copy_program(program, tree / name, tree)
    _copy_program(GUEST_SCRIPT, tree / "usr/local/sbin/labctl-guest", tree, libraries=False)
    _install_busybox(tree)
    _install_modules(kernel, tree)
    _pack(tree, made / "initrd")
    _image({}, made / "micro.qcow2", work)
    _image({"vmlinuz": made / "vmlinuz", "initrd": made / "initrd"}, made / "micro-pxe.qcow2", work)


def _install_busybox(tree: Path) -> None:
    (tree / "bin").mkdir(exist_ok=True)
    shutil.copy(BUSYBOX, tree / "bin/busybox")
    listing = subprocess.run([BUSYBOX, "--list-full"], check=True, capture_output=True, text=True).stdout
    for name in listing.split():
        link = tree / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to("/bin/busybox")
    if not (tree / "sbin/init").exists():
        (tree / "sbin/init").symlink_to("/bin/busybox")


def _copy_program(program: Path, place: Path, tree: Path, *, libraries: bool = True) -> None:
    _write(place, program.read_bytes())
    if not libraries:
        return
    listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for library in (word for word in listing.split() if word.startswith("/")):
        _write(tree / library.lstrip("/"), Path(library).read_bytes())


def _install_modules(kernel: Path, tree: Path) -> None:
    release = next(kernel.glob("lib/modules/*")).name
    subprocess.run(["depmod", "-b", kernel, release], check=True)
    needs = {}
    for line in (kernel / "lib/modules" / release / "modules.dep").read_text().splitlines():
        path, _, needed = line.partition(":")
        needs[Path(path).stem] = [*reversed(needed.split()), path]
    boot = list(dict.fromkeys(path for name in BOOT_MODULES for path in needs.get(name, [])))
    other = [path for name in OTHER_MODULES for path in needs.get(name, [])]
    folder = Path("lib/modules") / release
    for path in {*boot, *other}:
        _write(tree / folder / path, (kernel / folder / path).read_bytes())
    subprocess.run(
        ["depmod", "-b", tree, release], check=True, stderr=subprocess.DEVNULL
    )  # no list of built-in ones
    (tree / "lib/modules/boot").write_text("".join(f"/{folder / path}\n" for path in boot))
    (tree / "lib/modules/overlay").write_text(f"/{folder / needs['overlay'][-1]}\n")


def _pack(tree: Path, initrd: Path) -> None:
    """An uncompressed newc archive: an emulated CPU is slower at gunzip than at reading."""
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    with initrd.open("wb") as archive:
        subprocess.run(
            ["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet", "--reproducible"],
            input="\n".join(names).encode(),
            stdout=archive,
            cwd=tree,
            check=True,
        )


def _image(files: dict[str, Path], image: Path, work: Path) -> None:
    """A qcow2 with the ext4 that the initrd lays over its root; `files` appear in the guest's /boot."""
    content = Path(tempfile.mkdtemp(dir=work))
    content.chmod(0o755)
    (content / "work").mkdir()
    (content / "upper/boot").mkdir(parents=True)
    for name, source in files.items():
        shutil.copy(source, content / "upper/boot" / name)
    raw = content.with_suffix(".raw")
    subprocess.run(["truncate", "-s", IMAGE_SIZE, raw], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-L", "micro-root", "-J", "size=4", "-d", content, raw], check=True)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, image], check=True)


def _write(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    place.chmod(0o755)


def _digest(kernel: Path, sftp: Path) -> str:
    """Of everything that goes in; packages by the version in their folder's name."""
    digest = hashlib.sha256(f"{kernel.name} {sftp.name}".encode())
    sources = sorted(path for path in ROOT.rglob("*") if path.is_file())
    for path in (*sources, GUEST_SCRIPT, BUSYBOX, *PROGRAMS, Path(__file__)):
        digest.update(str(path.relative_to(ROOT) if path in sources else path.name).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _forget_older(target: Path, newest: Path) -> None:
    for folder in sorted(target.glob("micro-*"), key=lambda path: path.stat().st_mtime)[:-3]:
        if folder != newest:
            shutil.rmtree(folder, ignore_errors=True)
