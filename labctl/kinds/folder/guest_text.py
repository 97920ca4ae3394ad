"""The texts that root runs in a guest to mount and unmount folders, and to get ready for rsync. Pure.

Where a guest has no fstab, as a container's image, one is made. A line of it is found by the tag of its device, which
has no characters that mean anything in a pattern.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labctl.kinds.folder.spec import FolderSpec

# 9p takes pieces of 8 KiB without `msize`; `version` is the dialect that Linux has links and locks in
_OPTIONS = {"virtiofs": "nofail", "9p": "trans=virtio,version=9p2000.L,msize=262144,nofail"}
_FSTAB = """set -e
target={target}
tag={tag}
keep() {{
    touch /etc/fstab
    if grep -v "^$tag " /etc/fstab >/etc/fstab.labctl; then :; elif [ $? -gt 1 ]; then exit 1; fi
    {add}
    chmod 644 /etc/fstab.labctl
    sync /etc/fstab.labctl 2>/dev/null || sync
    mv -f /etc/fstab.labctl /etc/fstab
}}
"""
_MOUNT = """mkdir -p -- "$target"
if grep -q "^$tag " /proc/mounts; then
    mount -o remount,{mode} -- "$target"
else
    mount -t {type} -o {options} "$tag" "$target"
fi
keep
"""
_UNMOUNT = """if grep -q "^$tag " /proc/mounts; then
    umount -- "$target"
fi
keep
rmdir -- "$target" 2>/dev/null || :
"""
HAS_RSYNC = "command -v rsync >/dev/null"
GET_RSYNC = "install it there, as with `labctl ssh`; a new VM gets it by `cloud_init: {packages: [rsync]}`"
_RECEIVE = """set -e
{has_rsync} || {{ echo 'no rsync'; exit 0; }}
id -u {owner} >/dev/null 2>&1 || {{ echo 'no user'; exit 0; }}
mkdir -p -- {target}
id -g {owner}
"""


def fstab_field(text: str) -> str:
    """A path as fstab has it: see fstab(5). glibc's getmntent(3) knows the escapes of these four and no others."""
    return "".join(f"\\{ord(char):03o}" if char in " \t\n\\" else char for char in text)


def mount(spec: FolderSpec) -> str:
    """Mount a folder, now and at each boot."""
    options = ",".join([_OPTIONS[spec.type], *["ro"] * spec.readonly])
    line = f"{spec.tag} {fstab_field(spec.target)} {spec.type} {options} 0 0"
    add = f"printf '%s\\n' {shlex.quote(line)} >>/etc/fstab.labctl"
    text = _MOUNT.format(mode="ro" if spec.readonly else "rw", type=spec.type, options=_live(options))
    return _head(spec, add) + text


def unmount(spec: FolderSpec) -> str:
    """Unmount a folder, now and for good. A folder that is empty then goes too."""
    return _head(spec, ":") + _UNMOUNT


def receive(target: str, owner: str) -> str:
    """Make a target for rsync, and tell the number of its owner's group, or what is missing for that."""
    return _RECEIVE.format(has_rsync=HAS_RSYNC, owner=shlex.quote(owner), target=shlex.quote(target))


def _head(spec: FolderSpec, add: str) -> str:
    return _FSTAB.format(target=shlex.quote(spec.target), tag=spec.tag, add=add)


def _live(options: str) -> str:
    """The options for mount(8), of which some know no `nofail`."""
    return ",".join(each for each in options.split(",") if each != "nofail") or "rw"
