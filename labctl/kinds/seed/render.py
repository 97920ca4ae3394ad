"""The files of a seed: the user's cloud-config, and labctl's own part, which works with any cloud-config."""

from __future__ import annotations

from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import TYPE_CHECKING, Any

import yaml

from labctl.core.record import record
from labctl.core.unquoted import Unquoted
from labctl.guest import script
from labctl.guest.nic_config import DEFAULT
from labctl.guest.protocol import encoded, key_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.guest.nic_config import Route
    from labctl.kinds.seed.spec import SeedNic, SeedSpec


@record
class HostKey:
    """An ed25519 host key in OpenSSH's formats."""

    private: str
    public: str


def files(spec: SeedSpec, login: str, host_key: HostKey) -> dict[str, str]:
    """Give the ISO's files by name.

    Args:
        spec: the seed.
        login: the lab's public login key, one line in OpenSSH's format.
        host_key: the VM's host key, which ssh can verify from the first connection on.
    """
    return {
        "meta-data": _yaml({"instance-id": spec.instance, "local-hostname": spec.hostname}),
        "user-data": user_data(spec, login, host_key),
        "network-config": _yaml(network_config(spec.nics)),
    }


def user_data(spec: SeedSpec, login: str, host_key: HostKey) -> str:
    """A MIME message of two parts: labctl's own as a boothook, which runs at each boot, and the cloud-config.

    https://docs.cloud-init.io/en/latest/explanation/format.html
    """
    message = MIMEMultipart(boundary=f"== labctl {spec.instance} ==")
    config = "#cloud-config\n" + _yaml(cloud_config(spec, login, host_key))
    for text, kind in ((boothook(spec, login, host_key), "cloud-boothook"), (config, "cloud-config")):
        message.attach(MIMEText(text, kind, "us-ascii"))
    return message.as_string()


def boothook(spec: SeedSpec, login: str, host_key: HostKey) -> str:
    """The boothook, which cloud-init runs early in each boot. It writes the guest script's data and starts it."""
    sudo = spec.user != "root" and "sudo" not in _own_entry(spec)
    seed = key_lines(spec.user, "yes" if sudo else "no", login, host_key.private, host_key.public)
    seed += "".join(f"nic {nic.mac} {encoded(nic.config.lines)}\n" for nic in spec.nics)
    return (
        "#cloud-boothook\n#!/bin/sh\numask 077\nmkdir -p /run/labctl\n"
        f"cat >/run/labctl/seed <<'{script.END}'\n{seed}{script.END}\n{script.install()}"
    )


def cloud_config(spec: SeedSpec, login: str, host_key: HostKey) -> dict[str, Any]:
    """The user's cloud-config with labctl's login and host key, so that cloud-init makes no others."""
    merged = dict(spec.config)
    merged["users"] = _users(spec, login)
    merged["ssh_deletekeys"] = True
    own = {"ed25519_private": host_key.private, "ed25519_public": host_key.public}
    theirs = spec.config.get("ssh_keys")
    merged["ssh_keys"] = (theirs | own) if isinstance(theirs, dict) else own
    merged.setdefault("ssh_pwauth", False)
    merged.setdefault("preserve_hostname", False)
    if spec.user == "root":
        merged["disable_root"] = False
    return merged


def _users(spec: SeedSpec, login: str) -> list[Any]:
    """The users for cloud-init: first the login, then those of the user's list.

    The user's own entry for the login is kept, with labctl's key added. The login is first, since cloud-init makes the
    users in this order and stops at the first that it can't make.
    """
    mine: dict[str, Any] = {"name": spec.user}
    if spec.user != "root":
        mine |= {"sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "lock_passwd": True}
    own = _own_entry(spec)
    mine |= own | {"ssh_authorized_keys": [login, *_list(own.get("ssh_authorized_keys"))]}
    others = [user for user in _entries(spec) if _name(user) != spec.user]
    return [mine, *others]


def _own_entry(spec: SeedSpec) -> dict[str, Any]:
    """The user's own entry for the login; empty without one."""
    entries = (user for user in _entries(spec) if isinstance(user, dict) and _name(user) == spec.user)
    return next(entries, {})


def _entries(spec: SeedSpec) -> list[Any]:
    """`users` as a list. cloud-init also accepts a map by name, and a string of names with commas."""
    users = spec.config.get("users")
    if isinstance(users, dict):
        return [
            {"name": name, **fields} if isinstance(fields, dict) else name for name, fields in users.items()
        ]
    if isinstance(users, str):
        return [each.strip() for each in users.split(",")]
    return _list(users)


def _name(user: object) -> object:
    return user.get("name") if isinstance(user, dict) else user


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def network_config(nics: tuple[SeedNic, ...]) -> dict[str, Any]:
    """Network config version 2 (https://docs.cloud-init.io/en/latest/reference/network-config-format-v2.html).

    NICs are matched by MAC and keep the guest's own names.
    """
    return {"version": 2, "ethernets": {nic.name: _ethernet(nic) for nic in nics}}


def _ethernet(nic: SeedNic) -> dict[str, Any]:
    inside = nic.config
    config: dict[str, Any] = {"match": {"macaddress": nic.mac}, "dhcp4": inside.dhcp4, "dhcp6": False}
    if inside.addresses:
        config["addresses"] = list(map(str, inside.addresses))
    if inside.routes:
        config["routes"] = [{"to": _to(route), "via": str(route.via)} for route in inside.routes]
    if inside.mtu:
        config["mtu"] = inside.mtu
    if nic.nameservers:
        config["nameservers"] = {"addresses": list(map(str, nic.nameservers)), "search": list(nic.search)}
    config["optional"] = True  # the boot must not wait for a NIC without a link
    return config


def _to(route: Route) -> str:
    """The destination of a route. Some renderers of cloud-init before 23.x don't know the word `default`."""
    if route.to != DEFAULT:
        return str(route.to)
    return "::/0" if route.via.version == 6 else "0.0.0.0/0"


def _yaml(document: Mapping[str, Any]) -> str:
    """Write YAML in ASCII that a reader of YAML 1.1, as in cloud-init, understands as the same values."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, _data: object) -> bool:
            return True

    def unquoted(dumper: Dumper, scalar: Unquoted) -> yaml.ScalarNode:
        tag = dumper.resolve(yaml.ScalarNode, str(scalar), (True, False))  # type: ignore[no-untyped-call]
        return dumper.represent_scalar(tag, str(scalar))

    Dumper.add_representer(Unquoted, unquoted)
    return yaml.dump(dict(document), Dumper=Dumper, sort_keys=False, width=1 << 20)
