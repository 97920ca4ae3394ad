"""The programs that labctl and libvirt call, and the user's groups."""

from __future__ import annotations

import grp
import os
import shutil
from typing import TYPE_CHECKING

from labctl.host.files import owners
from labctl.host.machine import forwarders, virtiofsd
from labctl.host.machine.doctor.check import FAIL, OK, WARN, Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.machine.doctor.check import Distribution

# Name, verdict if it is missing, and what doesn't work without it
_NEEDED: tuple[tuple[str, Verdict, str], ...] = (
    ("dnsmasq", FAIL, "libvirt needs it for the DHCP and DNS of networks"),
    ("qemu-img", FAIL, "images are converted with it"),
    ("ssh", WARN, "`labctl ssh` is not there without it"),
    ("ssh-keygen", FAIL, "it makes the lab's keys"),
    ("ansible-playbook", WARN, "only steps of `provision` with `ansible` need it"),
    ("socat", WARN, "only `forwards` of VMs need it"),
    ("swtpm", WARN, "only VMs with `tpm: true` need it"),
    ("rsync", WARN, "only folders that are copied need it"),
    ("mkfs.ext4", WARN, "only building images needs it"),
    ("mmdebstrap", WARN, "only building debian-12 needs it, where it can't be downloaded"),
)
_SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # in the PATH of daemons, but not in that of every user


def programs(distribution: Distribution, *, inside: bool = False) -> Iterator[Check]:
    """Check whether each program is installed, but for those of which a user's own libvirt has no use."""
    for name, verdict, why in _NEEDED:
        if inside and name == forwarders.TOOL:
            continue  # a relay of labctl's forwards there
        path = shutil.which(name) or shutil.which(name, path=os.pathsep.join(_SBIN))
        if path:
            yield Check(name, OK, path)
        else:
            yield Check(name, verdict, f"not found: {why}", distribution.install(name))
    if inside:
        return  # folders are copied there
    if path := virtiofsd.find():
        yield Check("virtiofsd", OK, path)
    else:
        why = "not found: folders of the host are copied without it"
        yield Check("virtiofsd", WARN, why, distribution.virtiofsd)


def groups(distribution: Distribution) -> Iterator[Check]:
    """Check whether an ordinary user may connect to the system's libvirt."""
    if os.geteuid() == 0:
        return
    mine, user = set(os.getgroups()), owners.user()
    for name in ("libvirt", "kvm"):
        try:
            group = grp.getgrnam(name)
        except KeyError:
            continue  # this distribution has none
        if group.gr_gid in mine:
            yield Check(f"group {name}", OK, f"{user} is a member")
        elif user in group.gr_mem:
            yield Check(
                f"group {name}", WARN, f"{user} is a member, but not in this session", advice="log in again"
            )
        else:
            add = distribution.as_root(f"usermod -aG {name} {user}")
            yield Check(f"group {name}", WARN, f"{user} is no member", advice=f"`{add}`, then log in again")
