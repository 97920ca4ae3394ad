"""What the private namespaces contain: file systems, devices, libvirt's configuration, the daemons."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from labctl.host.rootless.contents import PACKAGED
from tests.e2e.harness import daemons
from tests.surroundings import prepared

REPOSITORY = Path(__file__).resolve().parents[3]

PRIVATE_ON_DISK = ("/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt", "/etc/libvirt", "/tmp")
DEVICES = {  # name: (major, minor); no kvm: a node that can't be used costs libvirt seconds (PEERS)
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
    "net/tun": (10, 200),
}
ASTRAY = (  # beginnings of variables' names
    "LABCTL_CONNECT",
    "LABCTL_SET_",
    "LIBVIRT_",
    "VIRSH_",
    "XDG_RUNTIME_DIR",
    "DBUS_",
    "TMPDIR",
    "LANG",
    "LC_",
    "TZ",
)
QEMU_CONF = """\
user = "root"
group = "root"
security_driver = "none"
security_default_confined = 0
namespaces = []
cgroup_controllers = []
"""
LIBVIRTD_CONF = """\
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_rw_perms = "0777"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""
# a log of a console is rotated sooner than by default: an emulated guest prints 60 KB a second
VIRTLOGD_CONF = "max_size = 262144\n"


def enter(folder: Path) -> None:
    """Make the current (already unshared) process's world private, backed by `folder`, and start libvirtd in it."""
    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")
    mount("-t", "sysfs", "sysfs", "/sys")  # a fresh one: /sys/class/net shows the mounter's network namespace
    cover_folders(folder)
    cover_cache(folder)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    fill_dev()
    run("ip", "link", "set", "lo", "up")
    write_configuration()
    clean_environment()
    daemons.start()


def cover_folders(folder: Path) -> None:
    for target in map(Path, PRIVATE_ON_DISK):
        source = folder / target.name if target.name != "libvirt" else folder / target.parent.name
        source.mkdir()
        source.chmod(0o1777 if target == Path("/tmp") else 0o755)
        target.mkdir(parents=True, exist_ok=True)
        keep_visible(target, source)
        mount("--rbind", str(source), str(target))


def keep_visible(target: Path, source: Path) -> None:
    """What we run from stays where it is, even when it is below a folder that is covered (a clone in /tmp)."""
    for needed in {REPOSITORY, Path(sys.prefix).resolve(), Path.cwd()}:
        if needed.is_relative_to(target) and needed != target:
            place = source / needed.relative_to(target)
            if not any(place.is_relative_to(done) for done in source.glob("*") if os.path.ismount(done)):
                place.mkdir(parents=True, exist_ok=True)
                mount("--rbind", str(needed), str(place))


def cover_cache(folder: Path) -> None:
    """What `make prepare` built can be used, and even removed, inside; outside nothing changes."""
    cache = prepared() / "labctl"
    if not cache.is_dir():
        return
    upper, work = folder / "prepared", folder / "prepared-work"
    upper.mkdir(mode=0o700)
    work.mkdir()
    try:
        mount(
            "-t", "overlay", "-o", f"lowerdir={cache},upperdir={upper},workdir={work}", "overlay", str(cache)
        )
    except (
        subprocess.CalledProcessError
    ):  # in a container the folder may be an overlay itself, which can be no upper
        mount("--bind", str(cache), str(cache))
        mount("-o", "remount,bind,ro", str(cache))


def fill_dev() -> None:
    vhost_net = Path("/dev/vhost-net")
    devices = dict(DEVICES)
    if vhost_net.exists():
        number = vhost_net.stat().st_rdev
        devices["vhost-net"] = (os.major(number), os.minor(number))
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/dev")
    os.umask(0)
    for name, numbers in devices.items():
        node = Path("/dev") / name
        node.parent.mkdir(mode=0o755, exist_ok=True)
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(*numbers))
    os.umask(0o022)
    for name, options in (("pts", "newinstance,ptmxmode=0666,mode=620"), ("shm", "mode=1777")):
        (Path("/dev") / name).mkdir()
        mount("-t", "devpts" if name == "pts" else "tmpfs", "-o", options, name, f"/dev/{name}")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, to in links.items():
        (Path("/dev") / name).symlink_to(to)


def write_configuration() -> None:
    etc = Path("/etc/libvirt")
    (etc / "qemu.conf").write_text(QEMU_CONF)
    (etc / "libvirtd.conf").write_text(LIBVIRTD_CONF)
    (etc / "virtlogd.conf").write_text(VIRTLOGD_CONF)
    for folder in map(Path, PACKAGED):
        folder.mkdir(parents=True)
    Path("/run/lock").chmod(0o1777)


def clean_environment() -> None:
    """Nothing of the caller leads a client to another libvirtd or a tool to its own bus, or changes a daemon."""
    for name in [each for each in os.environ if each.startswith(ASTRAY)]:
        del os.environ[name]
    os.environ["LIBVIRT_DEFAULT_URI"] = "qemu:///system"
    os.environ["LABCTL_E2E_PRIVATE"] = "1"  # what the tests ask before they touch anything


def mount(*arguments: str) -> None:
    run("mount", *arguments)


def run(*command: str) -> None:
    subprocess.run(command, check=True)
