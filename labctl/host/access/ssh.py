"""The files that OpenSSH reads for a lab: a configuration, and the host keys of the VMs."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labctl.core.errors import LabctlError
from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from labctl.host.access.keys import Keys
    from labctl.host.files.lab_folder import LabFolder


CONFIG, KNOWN_HOSTS = "ssh_config", "known_hosts"
_WORD = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9_.:@\[\]-]*")


@record
class Login:
    """How to log in to one VM. `address` is an IP literal; `jump` is the VM or host to go through, or empty."""

    vm: str
    user: str
    address: str
    jump: str = ""


def outer(uri: str) -> str:
    """The host of a URI such as `qemu+ssh://root@kvm1/system`, which SSH has to go through; else empty."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme.endswith("+ssh") else ""


def alias(lab: str, vm: str) -> str:
    """The name under which a VM's host key is known."""
    return f"{lab}.{vm}"


def write(folder: LabFolder, lab: str, logins: Iterable[Login], keys: Keys) -> Path:
    """Write `ssh_config` and `known_hosts` into the lab's folder, and give the path of `ssh_config`."""
    logins = list(logins)
    folder.write(KNOWN_HOSTS, known_hosts(lab, logins, keys).encode())
    folder.write(CONFIG, config(folder.path, lab, logins, keys).encode())
    return folder.path / CONFIG


def known_hosts(lab: str, logins: Iterable[Login], keys: Keys) -> str:
    """The host keys of these VMs, those that are here."""
    known = ((word(alias(lab, each.vm)), _public(keys, each.vm)) for each in logins)
    return "".join(f"{name} {key}\n" for name, key in known if key)


def config(folder: Path, lab: str, logins: Iterable[Login], keys: Keys) -> str:
    """The configuration: a block for each VM, and one for all of them. https://man.openbsd.org/ssh_config

    The way through another VM is a ProxyCommand, since a ProxyJump does not quote the path of the configuration for
    the shell that it is given to.
    """
    logins = list(logins)
    vms = {each.vm for each in logins}
    blocks = []
    for each in logins:
        lines = [
            f"Host {word(each.vm)}",
            f"  HostName {word(each.address)}",
            f"  HostKeyAlias {word(alias(lab, each.vm))}",
            f"  User {word(each.user)}",
        ]
        if each.jump in vms:
            through = shlex.quote(_expressible(folder / CONFIG)).replace("%", "%%")
            lines.append(f"  ProxyCommand ssh -F {through} -W '[%h]:%p' {word(each.jump)}")
        elif each.jump:
            lines.append(f"  ProxyJump {word(each.jump)}")
        blocks.append(lines)
    shared = [
        f"Host {' '.join(word(each.vm) for each in logins)}",
        f"  IdentityFile {quoted(keys.login)}",
        "  IdentitiesOnly yes",
        "  PasswordAuthentication no",
        "  KbdInteractiveAuthentication no",
        "  StrictHostKeyChecking yes",
        f"  UserKnownHostsFile {quoted(folder / KNOWN_HOSTS)}",
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


def word(value: object) -> str:
    """A name, an address or a host as one word of OpenSSH's configuration.

    Raises:
        LabctlError: it is no such word.
    """
    text = str(value)
    if not _WORD.fullmatch(text):
        raise LabctlError(f"{text!r} can't stand in a configuration of OpenSSH")
    return text


def quoted(path: Path) -> str:
    """A path in quotes, as OpenSSH reads it: a % begins a token, and a backslash escapes.

    Raises:
        LabctlError: no quotes can express it.
    """
    return '"' + re.sub(r'(["\\])', r"\\\1", _expressible(path)).replace("%", "%%") + '"'


def _expressible(path: Path) -> str:
    """A path as text, unless it has a character that ends the line, or `${`, which nothing escapes."""
    text = str(path)
    if not text.isprintable() or "${" in text:
        raise LabctlError(
            f"the path {text!r} can't stand in a configuration of OpenSSH", hint="rename the folder"
        )
    return text


def _public(keys: Keys, vm: str) -> str:
    """The type and the key without the comment; empty if the key is not here."""
    return " ".join((keys.known_host(vm) or "").split()[:2])
