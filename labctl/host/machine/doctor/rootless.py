"""What a user's own libvirt needs of this machine: namespaces with many uids, devices, libvirt's programs."""

from __future__ import annotations

import os
import platform
import stat
import subprocess
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.record import replace
from labctl.host.files import owners
from labctl.host.machine import command, logout
from labctl.host.machine.doctor.check import FAIL, OK, WARN, Check
from labctl.host.rootless import holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.machine.doctor.check import Distribution

IDS = 65536  # uids and gids of the inside: dnsmasq and QEMU's helpers run as others than root there
ASK = "ask whoever administers this machine, if you may not"
TUN = Path("/dev/net/tun")
FOLDERS = ("/var/lib/libvirt", "/var/cache/libvirt", "/etc/libvirt")
_PROGRAMS = ("libvirtd", "virtlogd", "dnsmasq", "ip", "unshare", "setpriv")
_OTHER_EMULATORS = ("/usr/libexec/qemu-kvm", "qemu-kvm", "kvm")  # names of it elsewhere, as in RHEL
_QEMUS_NAMES = {"i686": "i386", "armv7l": "arm", "ppc64le": "ppc64"}
_FIRST = 100_000  # the first uid that useradd gives to users' ranges
# What the world begins with. Ubuntu's AppArmor may allow the namespaces, and nothing in them; in a container, the
# kernel allows no /proc and /sys of one's own where those that are there are covered in part, or can't be written
TRY = (*holder.UNSHARE, "mount", "--no-mtab", "-t", "sysfs", "sysfs", "/sys")
_IN_A_CONTAINER = (
    "in a container, run it with `--security-opt seccomp=unconfined`, `--volume /sys:/sys`, and for docker "
    "`--security-opt systempaths=unconfined`, for podman `--security-opt unmask=ALL`"
)
# Of Ubuntu's AppArmor: what unshare starts has no rights in its namespaces, whatever the sysctl below is
_PROFILE = "/etc/apparmor.d/unshare-userns-restrict"
_TRY_S = 10.0
# sysctl, the value that stands in the way, what it should be
_SYSCTLS = (
    ("user.max_user_namespaces", 0, 10000),
    ("kernel.unprivileged_userns_clone", 0, 1),
    ("kernel.apparmor_restrict_unprivileged_userns", 1, 0),
)


def checks(distribution: Distribution, root: Path = Path("/")) -> Iterator[Check]:
    """Check what is needed. A verdict of `fail` means that it can't be started."""
    yield from map(asking, _checks(distribution, root))


def asking(check: Check) -> Check:
    """A check whose command is root's also says whom to ask for it."""
    return replace(check, advice=ASK) if check.fix.startswith("sudo ") else check


def _checks(distribution: Distribution, root: Path) -> Iterator[Check]:
    needed = [_daemons(distribution, root), *_unshare(), _uidmap(distribution), *_ranges(distribution, root)]
    needed += [_tun(distribution, root)]
    yield from needed
    yield from _namespaces(distribution, root, can_try=all(each.verdict == OK for each in needed))
    yield _pasta(distribution)


def at_logout() -> Iterator[Check]:
    """Check whether it outlasts the logout; what starts it asks that by itself."""
    if until := logout.ends_until():
        found = "this machine ends your processes, labs with them, when you log out"
        yield Check("logout", WARN, found, until)


def kvm_inside(distribution: Distribution, node: Path = Path("/dev/kvm")) -> Iterator[Check]:
    """Check whether QEMU inside may open KVM where its user may: libvirt takes the user's groups from it."""
    if not os.access(node, os.R_OK | os.W_OK):
        return
    inside = ("unshare", "--user", "--map-root-user", "--map-auto", "setpriv", "--clear-groups", "--")
    if command.output(*inside, "test", "-r", str(node), "-a", "-w", str(node)) is None:
        found = f"{node} is yours by a group, which does not count inside: VMs are emulated there"
        fix = _for_all(distribution, node)
        yield Check("kvm inside", WARN, found, fix)


def opening_kvm(distribution: Distribution, node: Path = Path("/dev/kvm")) -> str:
    """The command that opens KVM to a user's own libvirt, for which the group kvm is of no use."""
    return _for_all(distribution, node)


def _for_all(distribution: Distribution, node: Path, *more: str) -> str:
    """A command that lets everybody open a device, now and after a reboot: udev's own rules have it so."""
    rule = ", ".join((rf"KERNEL==\"{node.name}\"", r"MODE=\"0666\"", *more))
    file = f"/etc/udev/rules.d/99-labctl-{node.name}.rules"
    return distribution.as_root(f"sh -c 'chmod 0666 {node} && echo {rule} >{file}'")


def _daemons(distribution: Distribution, root: Path) -> Check:
    missing = [each for each in _PROGRAMS if not command.path(each)]
    machine = platform.machine()
    emulators = (f"qemu-system-{_QEMUS_NAMES.get(machine, machine)}", *_OTHER_EMULATORS)
    missing += [] if any(map(command.path, emulators)) else [emulators[0]]
    missing += [each for each in FOLDERS if not (root / each[1:]).is_dir()]
    if missing:
        fix = distribution.install("libvirt", "qemu", "dnsmasq")
        return Check("libvirtd", FAIL, f"not there: {', '.join(missing)}", fix)
    return Check("libvirtd", OK, "installed, and it need not run")


def _unshare() -> Iterator[Check]:
    """A program that is not there at all is a matter of `_daemons`."""
    options = command.output("unshare", "--help")
    if options is not None and "--map-auto" not in options:
        found = "unshare has no --map-auto, which came with util-linux 2.38"
        yield Check("unshare", FAIL, found, advice="a newer release of this distribution has it")


def _uidmap(distribution: Distribution) -> Check:
    for name in ("newuidmap", "newgidmap"):
        path = command.path(name)
        if path is None:
            return Check("uidmap", FAIL, f"{name} is not there", distribution.install("uidmap"))
        if not _has_right(path):
            fix = distribution.as_root(f"chmod u+s {path}")
            return Check("uidmap", FAIL, f"{path} has lost its right to map uids", fix)
    return Check("uidmap", OK, "newuidmap and newgidmap are there")


def _has_right(path: str) -> bool:
    """Whether a program runs as root, or has capabilities of its own."""
    return bool(Path(path).stat().st_mode & stat.S_ISUID) or "security.capability" in os.listxattr(path)


def _ranges(distribution: Distribution, root: Path) -> Iterator[Check]:
    """`unshare --map-auto` maps the first range of a user, and no other one."""
    user, files = owners.user(), {name: root / "etc" / name for name in ("subuid", "subgid")}
    own = {name: [*_own(path, user)] for name, path in files.items()}
    lacking = {name: ranges for name, ranges in own.items() if not ranges or len(ranges[0]) < IDS}
    if not lacking:
        yield Check("subuid", OK, f"{user} has {IDS} subordinate uids and gids")
        return
    first = max(map(_next, files.values()))
    options = " ".join(each for name, ranges in lacking.items() for each in _options(name, ranges, first))
    fix = distribution.as_root(f"usermod {options} {user}")
    for name, ranges in lacking.items():
        has = len(ranges[0]) if ranges else "none"
        which = " in their first line, which alone counts" if len(ranges) > 1 else ""
        found = f"/etc/{name} has {has} for {user}{which}, and {IDS} are needed"
        yield Check(name, FAIL, found, fix)


def _options(name: str, ranges: list[range], first: int) -> Iterator[str]:
    """Options of usermod that take away what stands before the first large range, and add one if there is none."""
    small = [*takewhile(lambda each: len(each) < IDS, ranges)]
    yield from (f"--del-{name}s {each.start}-{each.stop - 1}" for each in small)
    if len(small) == len(ranges):
        yield f"--add-{name}s {first}-{first + IDS - 1}"


def _entries(path: Path) -> Iterator[tuple[str, int, int]]:
    """The lines of a file of ranges: https://man7.org/linux/man-pages/man5/subuid.5.html"""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        owner, *numbers = line.split(":")
        if len(numbers) == 2 and all(each.isdecimal() for each in numbers):
            yield owner, int(numbers[0]), int(numbers[1])


def _own(path: Path, user: str) -> Iterator[range]:
    for owner, first, count in _entries(path):
        if owner in (user, str(os.getuid())):
            yield range(first, first + count)


def _next(path: Path) -> int:
    return max((first + count for _, first, count in _entries(path)), default=_FIRST)


def _namespaces(distribution: Distribution, root: Path, *, can_try: bool) -> Iterator[Check]:
    """Whether the user may make namespaces. What a try shows counts more than files: a profile may be an exception."""
    profile = _PROFILE if (root / _PROFILE[1:]).exists() else ""
    tried = _tried(distribution, profile) if can_try else None
    if tried and tried.verdict == OK:
        yield tried
        return
    known = [*_sysctls(distribution, root)]
    yield from known
    if tried and (profile or not known):
        yield tried


def _sysctls(distribution: Distribution, root: Path) -> Iterator[Check]:
    for name, hinders, better in _SYSCTLS:
        try:
            value = int((root / "proc/sys" / name.replace(".", "/")).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue  # this kernel has none
        if value == hinders:
            keep = f"sysctl -w {name}={better} && echo {name}={better} >>/etc/sysctl.d/99-labctl.conf"
            fix = distribution.as_root(f"sh -c '{keep}'")
            yield Check("user namespaces", FAIL, f"{name} is {value}, so users may have none", fix)


def _tried(distribution: Distribution, profile: str) -> Check:
    """Make namespaces for a moment: what else may forbid them has no file that says so."""
    try:
        done = subprocess.run(
            TRY, capture_output=True, text=True, errors="replace", timeout=_TRY_S, check=False
        )
        why = (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    if why:
        advice = f"{_IN_A_CONTAINER}; see `{' '.join(TRY)}`"
        if profile:
            off = f"sh -c 'ln -s {profile} /etc/apparmor.d/disable/ && apparmor_parser -R {profile}'"
            advice = f"if AppArmor has loaded {profile}: `{distribution.as_root(off)}`; {advice}"
        return Check("user namespaces", FAIL, why, advice=advice)
    return Check("user namespaces", OK, "this user can make them")


def _tun(distribution: Distribution, root: Path) -> Check:
    node = root / str(TUN)[1:]
    if not node.exists():
        fix = distribution.as_root("sh -c 'modprobe tun && echo tun >/etc/modules-load.d/labctl.conf'")
        return Check("/dev/net/tun", FAIL, "not there", fix)
    if not os.access(node, os.R_OK | os.W_OK):
        fix = _for_all(distribution, TUN, r"OPTIONS+=\"static_node=net/tun\"")
        return Check("/dev/net/tun", FAIL, "this user can't open it, as udev would let everybody", fix)
    return Check("/dev/net/tun", OK, "can be opened")


def _pasta(distribution: Distribution) -> Check:
    if path := command.path("pasta"):
        return Check("pasta", OK, path)
    found = "not found: labs work, but have no way out of this machine"
    return Check("pasta", WARN, found, distribution.install("pasta"))
