"""Verbs and options of other tools (Vagrant, Docker Compose, Terraform, kcli, virsh, Multipass, Lima), and labctl's.

There is one table for labctl's verbs and one for those below `image`. A value lists labctl's verbs, the likeliest
first, or is a sentence if no single verb does the same. For options, which have their tables, a value is a sentence.
"""

from __future__ import annotations

Verbs = dict[str, tuple[str, ...] | str]

_RECREATE = "`labctl destroy VM`, then `labctl up`, recreates it"
_SAVE = "`labctl suspend --disk` saves the memory of VMs, `labctl resume` goes on from there"
_EDIT = "write it in the Labfile; `labctl plan` shows what follows from it, `labctl up` does it"
_PLUGIN = "there is nothing to plug in; `labctl doctor` names what this host lacks"

_VERBS: Verbs = {
    **dict.fromkeys(("start", "apply", "create", "run", "launch", "boot", "define", "deploy"), ("up",)),
    **dict.fromkeys(("edit", "scale", "set", "rename", "setmem", "setvcpus", "modify", "alter"), _EDIT),
    "down": ("destroy", "halt"),
    **dict.fromkeys(("stop", "shutdown", "poweroff", "kill", "off"), ("halt",)),
    **dict.fromkeys(
        ("rm", "remove", "delete", "del", "undefine", "purge", "teardown", "clean"), ("destroy",)
    ),
    **dict.fromkeys(("restart", "reboot", "reset"), ("reload",)),
    **dict.fromkeys(("rebuild", "recreate", "taint", "factory-reset", "redeploy", "replace"), _RECREATE),
    **dict.fromkeys(("pause", "sleep"), ("suspend",)),
    **dict.fromkeys(("save", "managedsave", "hibernate"), _SAVE),
    **dict.fromkeys(("unpause", "wake", "unsuspend"), ("resume",)),
    **dict.fromkeys(("restore", "revert", "rollback"), ("snapshot restore", "resume")),
    **dict.fromkeys(("snapshots", "snapshot-list", "checkpoint", "snap"), ("snapshot list", "snapshot save")),
    **dict.fromkeys(("ps", "info", "state", "stats", "top", "inspect", "describe"), ("status",)),
    **dict.fromkeys(("vms", "nodes", "hosts", "hostname", "env"), ("status",)),
    **dict.fromkeys(("dominfo", "domifaddr", "domstate", "ip", "output", "get"), ("status",)),
    **dict.fromkeys(("port", "ports", "port-forward", "forwards", "publish", "tunnel"), ("forward",)),
    **dict.fromkeys(("ls", "dir"), ("status", "list")),
    **dict.fromkeys(("global-status", "labs", "workspace"), ("list",)),
    **dict.fromkeys(("diff", "preview", "dry-run", "refresh"), ("plan",)),
    **dict.fromkeys(("lint", "check", "verify", "convert", "fmt"), ("validate",)),
    "config": ("show", "validate"),
    **dict.fromkeys(("new", "generate", "skeleton"), ("init",)),
    **dict.fromkeys(("login", "shell", "enter", "connect", "ssh-copy-id"), ("ssh",)),
    **dict.fromkeys(("sshconfig", "ssh_config", "show-ssh"), ("ssh-config",)),
    **dict.fromkeys(("attach", "serial", "tty"), ("console",)),
    **dict.fromkeys(("execute", "command"), ("exec",)),
    **dict.fromkeys(("cp", "scp", "upload", "transfer", "push"), ("copy",)),
    "rsync": "`labctl up` copies `folders` that changed, `labctl watch` whenever they do, `labctl copy` other files",
    **dict.fromkeys(("rsync-auto", "sync"), ("watch",)),
    "ansible": ("provision", "inventory"),
    **dict.fromkeys(("sendkey", "send-key", "type"), ("send-keys",)),
    **dict.fromkeys(("log", "journal"), ("logs",)),
    "box": ("image list", "image pull", "image import"),
    **dict.fromkeys(("boxes", "images", "find", "template"), ("image list",)),
    **dict.fromkeys(("pull", "download"), ("image pull",)),
    **dict.fromkeys(("build", "package"), ("image build",)),
    "import": ("image import",),
    "rmi": ("image remove",),
    "prune": ("image prune",),
    **dict.fromkeys(("plugin", "provider"), _PLUGIN),
    **dict.fromkeys(("rdp", "powershell", "winrm", "vnc", "display"), ("console", "screenshot")),
    "autocomplete": ("completion",),
    "version": "`labctl --version`",
}
_IMAGE_VERBS: Verbs = {
    **dict.fromkeys(("ls", "search", "find"), ("list",)),
    **dict.fromkeys(("rm", "delete", "del", "rmi"), ("remove",)),
    **dict.fromkeys(("info", "inspect", "cat", "describe"), ("show",)),
    **dict.fromkeys(("get", "fetch", "download"), ("pull",)),
    **dict.fromkeys(("add", "load", "upload", "convert"), ("import",)),
    **dict.fromkeys(("upgrade", "refresh", "lock", "pin"), ("update",)),
    **dict.fromkeys(("create", "make", "package", "commit"), ("build",)),
    **dict.fromkeys(("check", "fsck", "validate"), ("verify",)),
    **dict.fromkeys(("clean", "gc", "purge"), ("prune",)),
}

_SNAPSHOT_VERBS: Verbs = {
    **dict.fromkeys(("create", "take", "push", "make", "new", "add", "create-as"), ("save",)),
    **dict.fromkeys(("ls", "tree"), ("list",)),
    **dict.fromkeys(("info", "inspect", "describe", "current"), ("show",)),
    **dict.fromkeys(("revert", "pop", "go", "apply", "load", "reset", "rollback"), ("restore",)),
    **dict.fromkeys(("rm", "remove", "del"), ("delete",)),
    **dict.fromkeys(("clean", "gc", "purge"), ("prune",)),
}

_ROOTLESS_VERBS: Verbs = {
    **dict.fromkeys(("shell", "nsenter", "unshare", "run", "enter"), ("exec",)),
    **dict.fromkeys(("down", "kill", "end", "exit"), ("stop",)),
    **dict.fromkeys(("info", "list"), ("status",)),
    **dict.fromkeys(("start", "up"), "`labctl up` starts it, as every command that needs it"),
}

_YES = "`--yes` answers the question"
_BEHIND = "a command for a VM stands behind --, as in `labctl ssh web -- uptime`"
_NAMES = "VMs are named behind the verb, as in `labctl up web`; without names it is about all of them"
_PARALLEL = "labctl always works on as many VMs at once as this host can take"

# As far as a verb of labctl does not have an option of that name: for all verbs, and for some by their command.
# -f and -c are options everywhere, and typer does not tell the command that lacks a value for one.
_OPTIONS = {
    "-f": f"-f names the Labfile; {_YES}",
    "-c": f"-c names the libvirt host; {_BEHIND}",
    "--provider": "the libvirt host is named by `--connect URI`",
    "--machine-readable": "`--json`",
    "--var": "`--set NAME=VALUE`",
    "--refresh": "labctl always asks libvirt what there really is",
}
_ASKING = dict.fromkeys(("--force", "--auto-approve", "--assume-yes"), _YES)
_OF_VMS = {
    **dict.fromkeys(("--all", "--target", "--vm"), _NAMES),
    **dict.fromkeys(("--parallel", "--no-parallel"), _PARALLEL),
}
_SNAPSHOTS = {**_ASKING, "--all": "`labctl snapshot prune --keep 0` deletes all of them"}
_STARTING = {
    "--provision": "`labctl up` runs the steps that have not run yet, `labctl provision --again` all of them",
    "--no-provision": "only steps that have not run yet are run; `labctl plan` names them",
    "--provision-with": "`labctl provision --only NAME`",
    **dict.fromkeys(("-d", "--detach", "--wait"), "`labctl up` ends when all VMs are ready, and they go on"),
    **dict.fromkeys(
        ("--destroy-on-error", "--no-destroy-on-error"), "all is kept; `labctl up` goes on from there"
    ),
}
_CHANGING_VMS = _ASKING | _OF_VMS
OPTIONS_OF = {
    **dict.fromkeys(("labctl up", "labctl reload", "labctl resume"), _CHANGING_VMS | _STARTING),
    **dict.fromkeys(("labctl provision", "labctl halt", "labctl suspend", "labctl destroy"), _CHANGING_VMS),
    **dict.fromkeys(
        ("labctl plan", "labctl watch", "labctl wait", "labctl status", "labctl events"), _OF_VMS
    ),
    "labctl logs": {**_OF_VMS, "--tail": "`-n N`"},
    "labctl ssh": {"--command": _BEHIND},
    "labctl ssh-config": {
        **_OF_VMS,
        "--host": "VMs are named behind the verb, as in `labctl ssh-config web`",
    },
    "labctl image remove": {**_ASKING, "--all": "`labctl image prune` removes all that no disk uses"},
    **dict.fromkeys(("labctl image prune", "labctl snapshot save", "labctl snapshot restore"), _ASKING),
    **dict.fromkeys(("labctl snapshot delete", "labctl snapshot prune"), _SNAPSHOTS),
}


def option_hint(path: str, option: str) -> str:
    """What does the same as an option of another tool, for a command as `labctl up`; empty if nothing is known."""
    return (_OPTIONS | OPTIONS_OF.get(path, {})).get(option, "")


VERBS = {  # by the command before the verb
    "labctl": _VERBS,
    "labctl image": _IMAGE_VERBS,
    "labctl snapshot": _SNAPSHOT_VERBS,
    "labctl rootless": _ROOTLESS_VERBS,
}
