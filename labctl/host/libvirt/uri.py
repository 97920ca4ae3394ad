"""URIs of libvirt connections."""

from __future__ import annotations

import os


def choose_uri(asked: str | None) -> str:
    """The connection to use: what was asked for, the environment's, else the first that answers.

    An empty answer of the environment counts as none.
    """
    if uri := asked or os.environ.get("LABCTL_CONNECT") or os.environ.get("LIBVIRT_DEFAULT_URI"):
        return uri
    return (
        "qemu:///system"
        if os.geteuid() == 0 or os.access("/run/libvirt/libvirt-sock", os.W_OK)
        else "qemu:///session"
    )


def is_local(uri: str) -> bool:
    """Whether libvirt runs on this machine, so that its routes and files are ours to look at.

    A socket or command that the URI names may lead anywhere.
    """
    scheme, _, rest = uri.partition("://")
    return rest.startswith("/") and "socket=" not in rest and not scheme.endswith("+ext")
