"""OpenSSH's own files for a lab: a configuration and the host keys, so that every connection is verified."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from labctl.core.record import record
from labctl.host.files.private import write_private

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from labctl.host.access.keys import Keys


CONFIG = "ssh_config"


@record
class Login:
    """How to reach one VM: `address` is an IP literal, `jump` the VM or host to go through, empty for none."""

    vm: str
    user: str
    address: str
    jump: str = ""


def alias(lab: str, vm: str) -> str:
    """The name under which a VM's host key is known."""
    return f"{lab}.{vm}"


def write(folder: Path, lab: str, logins: Iterable[Login], keys: Keys) -> Path:
    """Write `ssh_config` and `known_hosts` into the lab's folder and give the former's path."""
    logins = list(logins)
    known = [f"{alias(lab, each.vm)} {key}\n" for each in logins if (key := _public(keys, each.vm))]
    write_private(folder / "known_hosts", "".join(known).encode())
    path = folder / CONFIG
    write_private(path, config(folder, lab, logins, keys).encode())
    return path


def config(folder: Path, lab: str, logins: Iterable[Login], keys: Keys) -> str:
    """The configuration: a block a VM, then what they share. https://man.openbsd.org/ssh_config

    The way through another VM is a ProxyCommand. OpenSSH makes one of a ProxyJump too, but hands on the name of its
    configuration as it stands, whatever a shell makes of that.
    """
    logins = list(logins)
    vms = {each.vm for each in logins}
    blocks = []
    for each in logins:
        lines = [
            f"Host {each.vm}",
            f"  HostName {each.address}",
            f"  HostKeyAlias {alias(lab, each.vm)}",
            f"  User {each.user}",
        ]
        if each.jump in vms:
            through = shlex.quote(str(folder / CONFIG)).replace("%", "%%")
            lines.append(f"  ProxyCommand ssh -F {through} -W '[%h]:%p' {each.jump}")
        elif each.jump:
            lines.append(f"  ProxyJump {each.jump}")
        blocks.append(lines)
    shared = [
        f"Host {' '.join(each.vm for each in logins)}",
        f"  IdentityFile {quoted(keys.login)}",
        "  IdentitiesOnly yes",
        "  PasswordAuthentication no",
        "  KbdInteractiveAuthentication no",
        "  StrictHostKeyChecking yes",
        f"  UserKnownHostsFile {quoted(folder / 'known_hosts')}",
        "  GlobalKnownHostsFile /dev/null",
        "  UpdateHostKeys no",
        "  ControlMaster no",
        "  ControlPath none",
        "  ForwardAgent no",
        "  LogLevel ERROR",
    ]
    if blocks:
        blocks.append(shared)
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def quoted(path: Path) -> str:
    """A path as OpenSSH reads it: within quotes, where % introduces its tokens and backslashes escape.

    Of `${NAME}` it would take the environment's value, which nothing escapes: no Labfile is in such a folder.
    """
    return '"' + re.sub(r'(["\\])', r"\\\1", str(path)).replace("%", "%%") + '"'


def _public(keys: Keys, vm: str) -> str:
    """Type and key without the comment; empty where it is not known here."""
    return " ".join((keys.known_host(vm) or "").split()[:2])
