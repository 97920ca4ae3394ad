"""Whether libvirt answers, and which versions of libvirt and QEMU the host has."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.record import field, record
from labctl.host.files import owners
from labctl.host.libvirt.uri import SESSION, SYSTEM
from labctl.host.machine.doctor.check import FAIL, OK, WARN, Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.machine.doctor.check import Distribution

# The architectures of guests beside the host's own → the package of their QEMU
OTHERS = {"aarch64": "qemu-system-arm", "riscv64": "qemu-system-misc"}
ASLEEP = "is not started yet; libvirt starts it when it is first used"


@record
class Libvirt:
    """A connection that was tried: `virt` is None if libvirt doesn't answer, and `error` says why."""

    uri: str
    virt: Any = None
    error: str = ""
    capabilities: ET.Element = field(default_factory=lambda: ET.Element("capabilities"))


def connect(uri: str) -> Libvirt:
    """Connect as labctl does, to find what would keep it from that. Raises nothing."""
    if uri == SESSION and not _has_socket(uri):
        return Libvirt(uri, error=ASLEEP)
    libvirt.registerErrorHandler(lambda *_: None, None)  # the checks show the errors
    try:
        virt = libvirt.open(uri)
        return Libvirt(uri, virt, "", ET.fromstring(virt.getCapabilities()))
    except libvirt.libvirtError as error:
        return Libvirt(uri, error=error.get_error_message() or str(error))


def checks(seen: Libvirt, distribution: Distribution) -> Iterator[Check]:
    """Check whether libvirt answers, its version, its emulators and its security driver."""
    if seen.error == ASLEEP:
        yield Check("libvirt", WARN, f"{seen.uri} {ASLEEP}", f"virsh -c {seen.uri} version")
        return
    if seen.virt is None:
        yield _silent(seen, distribution)
        yield from _other(seen.uri)
        return
    yield Check("libvirt", OK, f"{seen.uri} answers, libvirt {_version(seen.virt.getLibVersion())}")
    yield _emulator(seen, distribution)
    yield _architectures(seen, distribution)
    yield _security(seen)


def _silent(seen: Libvirt, distribution: Distribution) -> Check:
    check = partial(Check, "libvirt", FAIL, f"{seen.uri} does not answer: {seen.error}")
    if seen.uri not in (SYSTEM, SESSION):
        return check(advice=f"make `virsh -c {seen.uri} version` work, or name another with --connect")
    if not any(Path(folder, name).exists() for folder in _SBIN for name in ("libvirtd", "virtqemud")):
        return check(distribution.install("libvirt", "qemu"))
    if "ermission" in seen.error or "uthentication" in seen.error or "olkit" in seen.error:
        add = distribution.as_root(f"usermod -aG libvirt {owners.user()}")
        return check(advice=f"`{add}`, then log in again")
    if Path("/run/systemd/system").is_dir():
        return check(distribution.as_root("systemctl enable --now libvirtd"))
    return check(f"{distribution.as_root('virtlogd -d')}; {distribution.as_root('libvirtd -d')}")


_SBIN = ("/usr/sbin", "/usr/bin", "/sbin", "/usr/local/sbin")


def _other(uri: str) -> Iterator[Check]:
    """A check that names the other of the two local connections, if its daemon runs."""
    other = SESSION if uri == SYSTEM else SYSTEM
    if _has_socket(other) and connect(other).virt is not None:
        yield Check("other libvirt", OK, f"{other} answers: --connect {other} uses it")


def _has_socket(uri: str) -> bool:
    """Whether the daemon's socket exists. Without one, connecting to a session would start a daemon."""
    own = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    folder = Path("/run/libvirt") if uri == SYSTEM else Path(own, "libvirt")
    return any((folder / name).exists() for name in ("libvirt-sock", "virtqemud-sock"))


def _version(number: int) -> str:
    return f"{number // 1000000}.{number // 1000 % 1000}.{number % 1000}"


def _emulator(seen: Libvirt, distribution: Distribution) -> Check:
    arch = seen.capabilities.findtext("host/cpu/arch") or ""
    found = next(
        (
            each.findtext("emulator")
            for each in seen.capabilities.findall("guest/arch")
            if each.get("name") == arch
        ),
        None,
    )
    if found is None and not seen.uri.startswith("test:"):
        return Check("qemu", FAIL, f"libvirt finds no QEMU for {arch}", distribution.install("qemu"))
    try:
        version = f" {_version(seen.virt.getVersion())}"
    except libvirt.libvirtError:
        version = ""  # libvirt knows the version only once it has probed an emulator
    return Check("qemu", OK, f"{found or seen.virt.getType()}{version}")


def _architectures(seen: Libvirt, distribution: Distribution) -> Check:
    """Name the architectures that have an emulator, and the packages of others, which few people need."""
    found = {each.get("name", "") for each in seen.capabilities.findall("guest/arch")}
    lacking = [name for name in OTHERS if name not in found]
    more = distribution.install(*(OTHERS[name] for name in lacking)) if lacking else ""
    text = f"QEMU is there for {', '.join(sorted(found & {*OTHERS, 'x86_64', 'i686'})) or 'none'}"
    if lacking and not seen.uri.startswith("test:"):
        text += f"; `{more}` brings {', '.join(lacking)}"
    return Check("architectures", OK, text)


def console_logs(uri: str) -> Iterator[Check]:
    """Warn where QEMU writes the logs of consoles itself, which bounds nothing; by default virtlogd does."""
    folder = Path("/etc") if uri == SYSTEM else Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config")
    try:
        text = folder.expanduser().joinpath("libvirt/qemu.conf").read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError):
        return  # most often only root may read it, or there is none
    if re.search(r"^\s*stdio_handler\s*=\s*[\"']file", text, re.MULTILINE):
        found = 'qemu.conf says stdio_handler = "file": a guest that prints for ever fills the disk'
        yield Check(
            "console logs", WARN, found, advice='set stdio_handler = "logd" there, and restart libvirtd'
        )


def _security(seen: Libvirt) -> Check:
    models = [each.findtext("model") or "" for each in seen.capabilities.findall("host/secmodel")]
    strong = [name for name in models if name in ("apparmor", "selinux")]
    if strong:
        return Check("security driver", OK, ", ".join(models))
    text = f"{', '.join(models) or 'none'}: guests are kept apart by QEMU's user alone"
    return Check("security driver", WARN if not models else OK, text)
