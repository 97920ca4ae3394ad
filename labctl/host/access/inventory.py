"""Ansible's inventory of a lab: who is in it, in which groups, and how SSH gets there.

Ansible reads it in two shapes: a file for its `yaml` plugin, and what a script answers to `--list`.
https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html
https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.core.text import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_TEMPLATE = re.compile(r"\{[{%#]")
_PLAIN = re.compile(r"[^%\"\\]+")


@record
class Guest:
    """A VM. `reached` says whether the configuration for OpenSSH leads there; `addresses` are by network."""

    name: str
    user: str
    addresses: Mapping[str, tuple[str, ...]]
    reached: bool = True


@record
class Group:
    """A group: the hosts and the groups that stand in it directly."""

    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


@record
class Inventory:
    """The VMs and groups of a lab. `config` is the configuration for OpenSSH, `login` the lab's login key."""

    guests: tuple[Guest, ...]
    groups: Mapping[str, Group]
    config: Path
    login: Path

    def variables(self) -> dict[str, dict[str, Any]]:
        """The variables of each host.

        Raises:
            LabctlError: a text would be a template for Ansible.
        """
        return {each.name: self._variables(each) for each in self.guests}

    def listing(self) -> dict[str, Any]:
        """What a script answers to `--list`."""
        grouped = {name for group in self.groups.values() for name in group.hosts}
        return {
            "_meta": {"hostvars": self.variables()},
            "all": {"children": ["ungrouped", *self.groups]},
            "ungrouped": {"hosts": [each.name for each in self.guests if each.name not in grouped]},
            **{
                name: {"hosts": list(each.hosts), "children": list(each.children)}
                for name, each in self.groups.items()
            },
        }

    def static(self) -> dict[str, Any]:
        """What stands in a file."""
        groups = {
            name: _filled({"hosts": dict.fromkeys(each.hosts), "children": dict.fromkeys(each.children)})
            for name, each in self.groups.items()
        }
        return {"all": _filled({"hosts": self.variables(), "children": groups})}

    def text(self, *, as_json: bool = False) -> str:
        """The text of such a file: JSON is YAML, too."""
        if as_json:
            return f"{json_text(self.static(), indent=2)}\n"
        import yaml

        class Dumper(yaml.SafeDumper):
            """Writes equal values out: anchors would only puzzle."""

            def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the signature of the base
                return True

        return yaml.dump(self.static(), Dumper=Dumper, sort_keys=False)

    def _variables(self, guest: Guest) -> dict[str, Any]:
        """The name is the address: OpenSSH's configuration has all else, the host key and the way there too.

        A VM that SSH does not lead to gets a name that nothing answers to, since its own may be that of a real machine.
        """
        known: dict[str, Any] = {
            "ansible_host": guest.name if guest.reached else f"{guest.name}.invalid",  # RFC 6761
            "ansible_user": _text(guest.user),
            "ansible_ssh_common_args": shlex.join(["-F", _text(self.config)]),
            "labctl_addresses": {_text(net): list(ips) for net, ips in guest.addresses.items()},
        }
        if _PLAIN.fullmatch(
            _text(self.login)
        ):  # Ansible escapes nothing, and the configuration names the key too
            known["ansible_ssh_private_key_file"] = str(self.login)
        return known


def nested(
    instances: Mapping[str, str | None],
    groups: Mapping[str, Iterable[str]],
    children: Mapping[str, Iterable[str]],
) -> dict[str, Group]:
    """The groups of an inventory.

    A VM that is counted is a group of its instances. A group and a VM of one name are one group, as otherwise Ansible
    would not find the VM by its name.

    Args:
        instances: each instance, with the name of its VM if that is counted.
        groups: the Labfile's groups, each with all its instances.
        children: the Labfile's groups, each with its `children` as written.
    """
    counted: dict[str, list[str]] = {}
    for name, base in instances.items():
        if base is not None:
            counted.setdefault(base, []).append(name)
    members = {
        name: [*groups.get(name, ()), *counted.get(name, ()), *([name] if name in instances else ())]
        for name in {**groups, **counted}
    }
    found = {}
    for name, hosts in members.items():
        held = [each for each in children.get(name, ()) if each in members and each != name]
        inner = {each for child in held for each in members[child]}
        found[name] = Group(tuple(dict.fromkeys(each for each in hosts if each not in inner)), tuple(held))
    return found


def _filled(maps: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in maps.items() if each}


def _text(value: object) -> str:
    """A text as a variable's value: Ansible would run what stands in {{ }}.

    Raises:
        LabctlError: it has that.
    """
    text = str(value)
    if _TEMPLATE.search(text) or not text.isprintable():
        raise LabctlError(
            f"{text!r} can't stand in an inventory of Ansible", hint="rename it: it reads as a template"
        )
    return text
