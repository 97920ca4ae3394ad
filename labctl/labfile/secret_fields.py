"""The fields in which a secret may stand, and those in which nothing is filled in.

Of a seed nobody reads but its guest; a command of `ready` and the variables of a provisioning step go to the guest over
labctl's port. All else ends in
libvirt's XML, in names, paths or the host's processes, where other users can read it: docs/adr/0029.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labctl.labfile.yaml_tree import FieldPath

__all__ = ["HINT", "WHERE", "is_script", "may_hold_secret"]

WHERE = "in libvirt's XML, a name or a path"
HINT = "put it into cloud_init"
_WITH_NAME = frozenset({"vms", "groups"})


def may_hold_secret(path: FieldPath) -> bool:
    """Whether the value at this path of a Labfile may be made of a secret."""
    field = _within_vm(path)
    match field:
        case ("cloud_init", "file"):  # the path of a file
            return False
        case ("cloud_init", _, *_) | ("ready", int(), "exec") | ("provision", int(), "env", _):
            return True
        case ("provision", int(), "ansible", "vars", *_):
            return True
    return False


def is_script(path: FieldPath) -> bool:
    """Whether the value at this path is a script, in which `${…}` is the shell's."""
    match _within_vm(path):
        case ("provision", int(), "shell"):
            return True
    return False


def _within_vm(path: FieldPath) -> FieldPath:
    """The part of a path that follows the VM, the group or `defaults`; that of a step of the lab stays whole."""
    if path[0] == "provision":
        return path
    return path[2:] if path[0] in _WITH_NAME else path[1:] if path[0] == "defaults" else ()
