"""Reads the field `cloud_init`, and warns of settings that are probably a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.kinds.provision.work import Shell
from labctl.labfile.interpolate import plain
from labctl.labfile.scripts import GuestFiles
from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from labctl.labfile.context import ReadContext

__all__ = ["read_cloud_init"]

_TRUE = frozenset({"true", "1", "on", "yes"})  # as in cloud-init's util.is_true
_USER_PASSWORDS = frozenset({"passwd", "hashed_passwd", "plain_text_passwd"})


def read_cloud_init(context: ReadContext, tree: Map) -> Any:
    """Give a VM's cloud-config as plain data; False where the VM has no seed."""
    config = tree.get("cloud_init")
    if config is False or tree.get("image") == "none":
        return False
    if not isinstance(config, Map):
        return {}
    _warn_of_passwords(context, config)
    _warn_of_user_passwords(context, config)
    if "network" in config:
        summary = "cloud-init does not look for the network in cloud-config, so this does nothing"
        context.problems.at_key(config, "network", summary, "say it under `networks`", severity="warning")
    _check_commands(context, config)
    return plain(config)


def _check_commands(context: ReadContext, config: Map) -> None:
    """Report entries of `runcmd` with a command that can't run in the guest."""
    listed = config.get("runcmd")
    if not isinstance(listed, Seq) or context.problems.repeated:
        return
    guest = GuestFiles.after({key: value for key, value in config.items() if key != "runcmd"})
    for index, entry in enumerate(listed):
        text = (
            entry if isinstance(entry, str) else " ".join(map(str, entry)) if isinstance(entry, Seq) else ""
        )
        if wrong := guest.problem(text, context.folder, "/"):
            context.problems.at(listed, index, wrong.summary, wrong.hint)
        guest = guest.then(Shell(text))
        if not guest.known:  # too much has run
            return


def _warn_of_passwords(context: ReadContext, config: Map) -> None:
    """Warn once of a setting that turns password login on, by ssh or on the console.

    `ssh_pwauth: unchanged`, or any value that is not true, leaves sshd as it is or turns passwords off.
    """
    chpasswd = config.get("chpasswd")
    turns_on = {
        "ssh_pwauth": str(config.get("ssh_pwauth")).strip().lower() in _TRUE,
        "password": config.get("password") not in (None, ""),
        "chpasswd": isinstance(chpasswd, Map) and bool(chpasswd.get("users") or chpasswd.get("list")),
    }
    for key, on in turns_on.items():
        if on:
            context.problems.at_key(config, key, "this turns password login on", severity="warning")
            return


def _warn_of_user_passwords(context: ReadContext, config: Map) -> None:
    users = config.get("users")
    entries = users if isinstance(users, Seq) else users.values() if isinstance(users, Map) else ()
    for user in entries:
        if not isinstance(user, Map):
            continue
        names = {key.replace("-", "_"): key for key in user}  # cloud-init takes both
        lock = names.get("lock_passwd")
        if lock and not user[lock] and names.keys() & _USER_PASSWORDS:
            context.problems.at_key(user, lock, "this turns password login on", severity="warning")
