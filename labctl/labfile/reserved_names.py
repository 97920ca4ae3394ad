"""The names that a user can't give, since labctl, libvirt's guests or inventories have them already: the one list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.labfile.interpolate import RESERVED

if TYPE_CHECKING:
    from labctl.labfile.problems import Problems
    from labctl.labfile.yaml_tree import Map, Seq

__all__ = ["TAKEN", "refusal", "report"]

# What every guest calls itself or a group of neighbours in its hosts file, as Debian has it.
_IN_GUESTS = ("localhost", "ip6-localhost", "ip6-loopback", "ip6-allnodes", "ip6-allrouters")
_GUESTS = dict.fromkeys(
    _IN_GUESTS, "every guest has that name in its hosts file, for itself or for its neighbours"
)
# Ansible's own groups (https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html#default-groups);
# a VM as written is a group there too.
_GROUPS = dict.fromkeys(("all", "ungrouped"), "inventories have a group of that name already")

TAKEN: dict[str, dict[str, str]] = {
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
    "parameter": {name: f"${{{name}}} has a meaning already" for name in RESERVED},
}


def refusal(kind: str, name: str) -> tuple[str, str] | None:
    """The summary and the hint where a lab, VM, … can't be called so; None where it can."""
    why = TAKEN[kind].get(name)
    return (f"a {kind} can't be called {name}", why) if why else None


def report(kind: str, name: str, holder: Map | Seq, key: str | int, problems: Problems) -> None:
    """Report a name that can't be, at the value or, in a map that it is a key of, at the key."""
    told = refusal(kind, name)
    if told and key == name:
        problems.at_key(holder, str(key), *told)  # type: ignore[arg-type]  # only a map has the name as a key
    elif told:
        problems.at(holder, key, *told)
