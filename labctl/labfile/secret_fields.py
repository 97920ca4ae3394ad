"""The fields in which a secret may stand.

Of a seed nobody reads but its guest, and a command of `ready` goes to the guest over labctl's port. All else ends in
libvirt's XML, in names, paths or the host's processes, where other users can read it: docs/adr/0029.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labctl.labfile.yaml_tree import FieldPath

__all__ = ["HINT", "WHERE", "may_hold_secret"]

WHERE = "in libvirt's XML, a name or a path"
HINT = "put it into cloud_init"
_WITH_NAME = frozenset({"vms", "groups"})


def may_hold_secret(path: FieldPath) -> bool:
    """Whether the value at this path of a Labfile may be made of a secret."""
    field = path[2:] if path[0] in _WITH_NAME else path[1:] if path[0] == "defaults" else ()
    match field:
        case ("cloud_init", "file"):  # the path of a file
            return False
        case ("cloud_init", _, *_) | ("ready", int(), "exec"):
            return True
    return False
