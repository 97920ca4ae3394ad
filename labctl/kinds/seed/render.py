"""What the files of a seed say: the user's cloud-config, and labctl's own part, which nothing in it can take away."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from labctl import resources
from labctl.core.record import record
from labctl.core.unquoted import Unquoted

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        login: the lab's public login key, one line of OpenSSH's format.
        host_key: the VM's own, so that the first connection is already verified.
    """
    return {
        "meta-data": _yaml({"instance-id": spec.instance, "local-hostname": spec.hostname}),
        "user-data": "#cloud-config\n" + _yaml(cloud_config(spec, login, host_key)),
        "network-config": _yaml(network_config(spec.nics)),
    }


def cloud_config(spec: SeedSpec, login: str, host_key: HostKey) -> dict[str, Any]:
    """Merge labctl's part into the user's: their users, commands and files stay, access and the guest's script too."""
    merged = dict(spec.config)
    merged["users"] = _users(spec, login)
    merged["ssh_deletekeys"] = True
    merged["ssh_keys"] = {"ed25519_private": host_key.private, "ed25519_public": host_key.public}
    merged["bootcmd"] = [_start_script(), *_list(spec.config.get("bootcmd"))]
    merged.setdefault("ssh_pwauth", False)
    merged.setdefault("preserve_hostname", False)
    if spec.user == "root":
        merged["disable_root"] = False
    return merged


def _users(spec: SeedSpec, login: str) -> list[Any]:
    """The user's list with the login in it; an entry of that name keeps what the user wrote and gains the key."""
    users = _list(spec.config.get("users"))
    mine: dict[str, Any] = {"name": spec.user, "ssh_authorized_keys": [login]}
    if spec.user != "root":
        mine |= {"sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "lock_passwd": True}
    others = []
    for user in users:
        if isinstance(user, dict) and user.get("name") == spec.user:
            keys = [login, *_list(user.get("ssh_authorized_keys"))]
            mine = mine | user | {"ssh_authorized_keys": keys}
        elif user != spec.user:
            others.append(user)
    return [*others, mine]


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _start_script() -> list[str]:
    """Install and start the guest's script; cloud-init runs `bootcmd` early in every boot.

    It is a transient unit without default dependencies: those would wait for targets that wait for cloud-init.
    """
    script = base64.b64encode(resources.text("templates/guest/labctl-guest.sh").encode()).decode()
    run = "/run/labctl/guest.sh"
    start = (
        f"mkdir -p -m 700 /run/labctl && printf %s {script} | base64 -d >{run}\n"
        "systemd-run --quiet --no-block --collect --unit=labctl-guest -p DefaultDependencies=no"
        f" /bin/sh {run} 2>/dev/null || setsid /bin/sh {run} </dev/null >/dev/null 2>&1 &"
    )
    return ["sh", "-c", start]


def network_config(nics: tuple[SeedNic, ...]) -> dict[str, Any]:
    """Network config version 2 (https://docs.cloud-init.io/en/latest/reference/network-config-format-v2.html).

    NICs are matched by MAC and keep the guest's own names.
    """
    return {"version": 2, "ethernets": {nic.name: _ethernet(nic) for nic in nics}}


def _ethernet(nic: SeedNic) -> dict[str, Any]:
    words = [line.split() for line in nic.lines]
    config: dict[str, Any] = {"match": {"macaddress": nic.mac}, "dhcp4": not nic.lines, "dhcp6": False}
    if addresses := [word[1] for word in words if word[0] == "address"]:
        config["addresses"] = addresses
    if routes := [{"to": _to(word), "via": word[2]} for word in words if word[0] == "route"]:
        config["routes"] = routes
    if mtu := [int(word[1]) for word in words if word[0] == "mtu"]:
        config["mtu"] = mtu[0]
    if nic.nameservers:
        config["nameservers"] = {"addresses": list(nic.nameservers), "search": list(nic.search)}
    config["optional"] = True  # a cable that is out must not hold up the boot
    return config


def _to(route: list[str]) -> str:
    """cloud-init before 23.x does not know the word `default` in every renderer."""
    if route[1] != "default":
        return route[1]
    return "::/0" if ":" in route[2] else "0.0.0.0/0"


def _yaml(document: Mapping[str, Any]) -> str:
    """Write what a reader of YAML 1.1 takes as the same values, in ASCII."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, _data: object) -> bool:
            return True

    def unquoted(dumper: Dumper, scalar: Unquoted) -> yaml.ScalarNode:
        tag = dumper.resolve(yaml.ScalarNode, str(scalar), (True, False))  # type: ignore[no-untyped-call]
        return dumper.represent_scalar(tag, str(scalar))

    Dumper.add_representer(Unquoted, unquoted)
    return yaml.dump(dict(document), Dumper=Dumper, sort_keys=False, width=1 << 20)
