"""Building the micro guest's kernel, initrd and disk images from packages and the files below root/."""

import hashlib
import lzma
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.micro import bootable, elf, packages
from tests.e2e.micro.flavours import CLOUD, OTHER, Flavour
from tests.surroundings import prepared

CACHE = prepared() / "labctl-tests"
ROOT = Path(__file__).parent / "root"
GUEST_SCRIPT = Path(__file__).parents[3] / "templates" / "guest" / "labctl-guest.sh"
BUSYBOX = Path("/bin/busybox")  # of this host, which is asked for its names
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
    """Paths of what a domain needs; `image` is an empty root.

    `pxe_image` holds what /bin/pxe-server serves, of CLOUD; `bootable_image` boots by UEFI, of those with loaders.
    """

    kernel: Path
    initrd: Path
    image: Path
    pxe_image: Path
    bootable_image: Path
    cmdline: str
    arch: str


@dataclass(frozen=True)
class Parts:
    """Unpacked packages: the kernel's, and a root with busybox and dropbear, which is the host's own for its kind.

    `loaders` are those of UEFI, by where they belong.
    """

    kernel: Path
    root: Path
    sftp: Path | None = None
    loaders: dict[str, Path] = field(default_factory=dict)


def build(flavour: Flavour = CLOUD, target: Path = CACHE) -> MicroGuest:
    """A micro guest below `target`, made only when an input changed. CalledProcessError when a tool fails.

    Needs the package archive when its packages are not in the cache, which the private libvirtd's network can't reach.
    """
    parts = _parts(flavour, target)
    done = target / f"{flavour.name}-{_digest(flavour, parts)}"
    if not done.exists():
        with tempfile.TemporaryDirectory(dir=target) as work:
            made = Path(work) / "made"
            made.mkdir()
            _make(flavour, made, parts, Path(work))
            made.rename(done)
        _forget_older(target, flavour.name, done)
    images = [done / f"{name}.qcow2" for name in ("micro", "micro-pxe", "bootable")]
    return MicroGuest(done / "vmlinuz", done / "initrd", *images, flavour.cmdline, flavour.arch)


def _parts(flavour: Flavour, target: Path) -> Parts:
    suffix = "" if flavour == CLOUD else f"-{flavour.name}"
    kernel = packages.unpacked(flavour.kernel, target / f"kernel{suffix}", flavour.archive)
    loaders = bootable.loaders(flavour, target)
    if flavour.archive == packages.HOST:
        return Parts(kernel, Path("/"), packages.unpacked("openssh-sftp-server", target / "sftp"), loaders)
    root = packages.root_of(["busybox-static", "dropbear-bin"], target / f"root{suffix}", flavour.archive)
    return Parts(kernel, root, None, loaders)


def _make(flavour: Flavour, made: Path, parts: Parts, work: Path) -> None:
    kernel = next(each for name in ("vmlinuz-*", "vmlinux-*") for each in parts.kernel.glob(f"boot/{name}"))
    shutil.copy(kernel, made / "vmlinuz")
    tree = work / "tree"
    shutil.copytree(ROOT, tree)
    for name in FOLDERS:
        (tree / name).mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        _write(tree / name, text.encode())
    if parts.sftp:
        elf.copy(parts.sftp / "usr/lib/openssh/sftp-server", tree / "usr/lib/sftp-server", parts.root, tree)
    elf.copy(parts.root / "usr/sbin/dropbear", tree / "usr/sbin/dropbear", parts.root, tree)
    _write(tree / "usr/local/sbin/labctl-guest", GUEST_SCRIPT.read_bytes())
    _install_busybox(_busybox(parts), tree)
    _install_modules(flavour.modules, parts.kernel, tree)
    _pack(tree, made / "initrd")
    _image({}, made / "micro.qcow2", work)
    boot = {"vmlinuz": made / "vmlinuz", "initrd": made / "initrd"}
    if flavour == CLOUD:
        _image(boot, made / "micro-pxe.qcow2", work)
    if parts.loaders:
        bootable.image(parts.loaders | boot, made / "bootable.qcow2", flavour.cmdline, work)


def _busybox(parts: Parts) -> Path:
    return next(each for name in ("bin", "usr/bin") if (each := parts.root / name / "busybox").exists())


def _install_busybox(busybox: Path, tree: Path) -> None:
    """With the links that the host's would have: another architecture's can't be asked."""
    _write(tree / "bin/busybox", busybox.read_bytes())
    listing = subprocess.run([BUSYBOX, "--list-full"], check=True, capture_output=True, text=True).stdout
    for name in listing.split():
        link = tree / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to("/bin/busybox")
    if not (tree / "sbin/init").exists():
        (tree / "sbin/init").symlink_to("/bin/busybox")


def _install_modules(wanted: tuple[str, ...], kernel: Path, tree: Path) -> None:
    """Copy modules, unpacked: busybox loads no compressed ones."""
    folder = next(path for name in ("lib", "usr/lib") for path in kernel.glob(f"{name}/modules/*"))
    release = folder.name
    subprocess.run(["depmod", "-b", folder.parents[2], release], check=True)
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        path, _, needed = line.partition(":")
        needs[Path(path).name.partition(".")[0]] = [*reversed(needed.split()), path]
    boot = list(dict.fromkeys(path for name in wanted for path in needs.get(name, [])))
    other = [path for name in OTHER for path in needs.get(name, [])]
    place = Path("lib/modules") / release
    for path in {*boot, *other}:
        _write(tree / place / path.removesuffix(".xz"), _unpacked(folder / path))
    subprocess.run(
        ["depmod", "-b", tree, release], check=True, stderr=subprocess.DEVNULL
    )  # no list of built-in ones
    loaded = [f"/{place / path.removesuffix('.xz')}" for path in boot]
    (tree / "lib/modules/boot").write_text("".join(f"{path}\n" for path in loaded))
    overlay = needs["overlay"][-1].removesuffix(".xz")
    (tree / "lib/modules/overlay").write_text(f"/{place / overlay}\n")


def _unpacked(module: Path) -> bytes:
    content = module.read_bytes()
    return lzma.decompress(content) if module.suffix == ".xz" else content


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


def _digest(flavour: Flavour, parts: Parts) -> str:
    """Of everything that goes in; packages by the version in their folder's name."""
    folders = (parts.kernel, parts.root, *([parts.sftp] if parts.sftp else []))
    digest = hashlib.sha256(" ".join([repr(flavour), *(folder.name for folder in folders)]).encode())
    sources = sorted(path for path in ROOT.rglob("*") if path.is_file())
    own = (parts.root / "usr/sbin/dropbear", _busybox(parts)) if parts.root == Path("/") else ()
    for path in (*sources, GUEST_SCRIPT, *own, *parts.loaders.values(), *Path(__file__).parent.glob("*.py")):
        digest.update(str(path.relative_to(ROOT) if path in sources else path.name).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _forget_older(target: Path, name: str, newest: Path) -> None:
    for folder in sorted(target.glob(f"{name}-*"), key=lambda path: path.stat().st_mtime)[:-3]:
        if folder != newest:
            shutil.rmtree(folder, ignore_errors=True)
