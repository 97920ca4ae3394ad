"""URIs of libvirt connections."""

from __future__ import annotations

import os

from labctl.host.rootless import outside

SYSTEM, SESSION = "qemu:///system", "qemu:///session"
ROOTLESS = "rootless"  # asks for the system's libvirt in this user's own namespaces: `labctl.host.rootless`


def choose_uri(asked: str | None) -> tuple[str, str]:
    """The connection to use, or ROOTLESS: what was asked for, the environment's, else the system's or the user's own.

    An empty answer of the environment counts as none. Inside a user's own libvirt, that is the system's. The second
    text is why it is ROOTLESS though nobody asked for that, as the end of a sentence on the system's libvirt.
    """
    found = asked or os.environ.get("LABCTL_CONNECT") or os.environ.get("LIBVIRT_DEFAULT_URI")
    why = "" if found or os.geteuid() == 0 else _refusal()
    found = found or (ROOTLESS if why else SYSTEM)
    return (SYSTEM if found == ROOTLESS and outside.inside() else found), why


def _refusal() -> str:
    from labctl.host.libvirt import system_access  # root does without

    return system_access.refusal()


def is_session(uri: str) -> bool:
    """Whether it is an ordinary user's libvirt on this machine, by whatever transport and with whatever parameters."""
    scheme, _, rest = uri.partition("://")
    return scheme.partition("+")[0] == "qemu" and rest.partition("?")[0] == "/session"


def is_local(uri: str) -> bool:
    """Whether libvirt runs on this machine, so that its routes and files are ours to look at.

    A socket or command that the URI names may lead anywhere.
    """
    scheme, _, rest = uri.partition("://")
    return rest.startswith("/") and "socket=" not in rest and not scheme.endswith("+ext")
