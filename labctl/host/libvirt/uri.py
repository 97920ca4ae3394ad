"""URIs of libvirt connections."""

from __future__ import annotations

import os

from labctl.host.rootless import outside

SYSTEM, SESSION = "qemu:///system", "qemu:///session"
ROOTLESS = "rootless"  # asks for the system's libvirt in this user's own namespaces: `labctl.host.rootless`
_SOCKET = "/run/libvirt/libvirt-sock"


def choose_uri(asked: str | None) -> str:
    """The connection to use, or ROOTLESS: what was asked for, the environment's, else the system's or the user's own.

    An empty answer of the environment counts as none. Inside a user's own libvirt, that is the system's.
    """
    found = asked or os.environ.get("LABCTL_CONNECT") or os.environ.get("LIBVIRT_DEFAULT_URI")
    if not found:
        found = SYSTEM if os.geteuid() == 0 or os.access(_SOCKET, os.W_OK) else ROOTLESS
    return SYSTEM if found == ROOTLESS and outside.inside() else found


def is_local(uri: str) -> bool:
    """Whether libvirt runs on this machine, so that its routes and files are ours to look at.

    A socket or command that the URI names may lead anywhere.
    """
    scheme, _, rest = uri.partition("://")
    return rest.startswith("/") and "socket=" not in rest and not scheme.endswith("+ext")
