"""What the inside of a user's own libvirt has of the machine, and what is its own: mounts and configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = {  # folders of libvirt and of what it starts → what stands for them below the world's folder
    "/var/lib/libvirt": "lib",
    "/var/cache/libvirt": "cache",  # what QEMU can do, which libvirt probes for seconds
    "/var/log": "log",  # all of it: libvirt makes a folder for logs of swtpm beside its own
    "/etc/libvirt": "etc",
    "/var/lib/swtpm-localca": "swtpm-localca",  # who certifies VMs' TPMs; there if swtpm's tools are
}
PACKAGED = (  # folders that libvirtd, virtlogd and labctl expect
    "/var/lib/libvirt/images",
    "/var/lib/libvirt/boot",
    "/var/lib/libvirt/dnsmasq",
    "/var/lib/libvirt/swtpm",
    "/var/log/libvirt/qemu",
    "/run/lock",  # locks of consoles and channels, and labctl's
)
# Of /run all folders are there but these: sockets of the machine's services, which would be taken for the world's own
_NOT_OF_RUN = {"dbus", "firewalld", "labctl", "libvirt", "lock", "netns"}
# virsh on a terminal starts it, and it would only complain that polkit is not there
_AGENT = Path("/usr/bin/pkttyagent")
# QEMU runs as the world's root, who is the user; and in a user's namespaces libvirt can neither make devices, nor own
# groups of processes, nor mark files with their former owners
QEMU_CONF = """\
user = "root"
group = "root"
swtpm_user = "root"
swtpm_group = "root"
security_driver = "none"
security_default_confined = 0
namespaces = []
cgroup_controllers = []
remember_owner = 0
"""
LIBVIRTD_CONF = """\
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""
# Addresses that only pasta answers, with the machine's first name server that has an address of the same version
RESOLVERS = ("169.254.1.1", "100::53")

# All go out with the address that pasta gave, also guests of open networks: old versions of pasta answer all to the
# address that sent something last. Their interface is a tun, those of networks are bridges.
_ONE_ADDRESS = """\
add table inet labctl
add chain inet labctl way_out { type nat hook postrouting priority srcnat + 1; }
add rule inet labctl way_out meta oifkind "tun" masquerade
"""


@record
class Failed(Exception):
    """A step of making the world, and why it failed."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


def fill(folder: Path, *, resolver: bool) -> None:
    """Make what this process sees the world's own; it is PID 1 of new namespaces.

    Args:
        folder: the world's, which is the user's.
        resolver: whether names are asked of pasta.

    Raises:
        Failed: the kernel or a program refuses a step.
    """
    _mount("-t", "sysfs", "sysfs", "/sys")  # /sys/class/net shows the mounter's network namespace
    if resolver:
        cover_resolver(folder)
    _cover_run(folder / "run")
    for target, name in OWN.items():
        if not Path(target).is_dir():
            continue  # `doctor` has looked for those of libvirt
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(0o755)
        _mount("--bind", str(folder / name), target)
    for packaged in PACKAGED:
        Path(packaged).mkdir(parents=True, exist_ok=True)
    if _AGENT.is_file():
        _mount("--bind", "/dev/null", str(_AGENT))
    Path("/run/lock").chmod(0o1777)
    Path("/etc/libvirt/qemu.conf").write_text(QEMU_CONF, encoding="utf-8")
    Path("/etc/libvirt/libvirtd.conf").write_text(LIBVIRTD_CONF, encoding="utf-8")
    run("ip", "link", "set", "lo", "up")


def cover_resolver(folder: Path, machines: Path = Path("/etc/resolv.conf")) -> None:
    """Bind a file of the world's over the machine's, whose name servers may listen on the machine's loopback.

    To be called again and again: when the machine puts another file in the place, the kernel takes the mount away.

    Raises:
        Failed: the kernel refuses it.
        OSError: a file can't be read or written.
    """
    own, text = folder / "resolv.conf", "".join(f"nameserver {each}\n" for each in RESOLVERS)
    if not machines.exists() or machines.read_text(encoding="utf-8", errors="replace") == text:
        return
    own.write_text(text, encoding="utf-8")
    _mount("--bind", str(own), str(machines))


def have_one_address() -> None:
    """Have all that leaves by pasta come from the address that pasta gave.

    Raises:
        Failed: nft is not there, or the kernel refuses it.
    """
    run("nft", _ONE_ADDRESS)


def _cover_run(new: Path) -> None:
    """Have a new /run, in which the machine's folders are that have nothing to do with libvirt."""
    new.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(new))
    for each in _shown(Path("/run")):
        if each.is_symlink():
            (new / each.name).symlink_to(each.readlink())
        else:
            (new / each.name).mkdir()
            _mount("--rbind", str(each), str(new / each.name))
    _mount("--move", str(new), "/run")


def _shown(machines: Path) -> Iterator[Path]:
    for each in machines.iterdir():
        if each.name not in _NOT_OF_RUN and (each.is_symlink() or each.is_dir()):
            yield each


def _mount(*arguments: str) -> None:
    run("mount", "--no-mtab", *arguments)  # the list of mounts in /run/mount is the machine's


def run(*command: str) -> None:
    """Run a program.

    Raises:
        Failed: it failed, or is not there.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise Failed(command[0], error.strerror or str(error)) from error
    if done.returncode != 0:
        raise Failed(" ".join(command), done.stderr.strip() or f"exit code {done.returncode}")
