"""The names that a Labfile can't use, since labctl, guests or Ansible inventories have them already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.labfile.interpolate import RESERVED as INTERPOLATED

if TYPE_CHECKING:
    from labctl.labfile.problems import Problems
    from labctl.labfile.yaml_tree import Map, Seq

__all__ = ["RESERVED", "refusal", "report"]

# The names in every guest's /etc/hosts, as Debian writes it.
_IN_GUESTS = ("localhost", "ip6-localhost", "ip6-loopback", "ip6-allnodes", "ip6-allrouters")
_GUESTS = dict.fromkeys(
    _IN_GUESTS, "every guest has that name in its hosts file, for itself or for its neighbours"
)
# Ansible's built-in groups (https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html#default-groups);
# in an inventory, a VM with `count` is a group as well.
_GROUPS = dict.fromkeys(("all", "ungrouped"), "inventories have a group of that name already")

RESERVED: dict[str, dict[str, str]] = {
    "lab": {
        str(identity.STORE).removeprefix(identity.POOLS): f"{identity.STORE} is the pool of all labs' images"
    },
    "VM": {**_GUESTS, **_GROUPS},
    "group": _GROUPS,
    "disk": {
        "root": "it is the VM's first disk, see disk",
        **dict.fromkeys((identity.SEED, identity.CONSOLE), "the VM has a file of that name"),
    },
    "NIC": {"lo": "every guest has a loopback of that name"},
    "name of the network's DNS": _GUESTS,
    "parameter": {name: f"${{{name}}} has a meaning already" for name in INTERPOLATED},
}


def refusal(kind: str, name: str) -> tuple[str, str] | None:
    """The summary and hint of the problem where this name is reserved for this kind, a key of `RESERVED`; else None."""
    why = RESERVED[kind].get(name)
    return (f"a {kind} can't be called {name}", why) if why else None


def report(kind: str, name: str, holder: Map | Seq, key: str | int, problems: Problems) -> None:
    """Report a reserved name: at the key where the name is a key of `holder`, else at the value."""
    found = refusal(kind, name)
    if found and key == name:
        problems.at_key(holder, str(key), *found)  # type: ignore[arg-type]  # only a map has the name as a key
    elif found:
        problems.at(holder, key, *found)
