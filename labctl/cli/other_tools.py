"""Verbs and options of other tools (Vagrant, Docker Compose, Terraform, kcli, virsh, Multipass, Lima), and labctl's.

There is one table for labctl's verbs and one for those below `image`. A value lists labctl's verbs, the likeliest
first, or is a sentence if no single verb does the same. For options a value is a sentence.
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

_YES = "`--yes` answers the question"
_BEHIND = "a command for a VM stands behind --, as in `labctl ssh web -- uptime`"
_NAMES = "VMs are named behind the verb, as in `labctl up web`; without names it is about all of them"

# As far as a verb of labctl does not have an option of that name.
OPTIONS = {
    **dict.fromkeys(("--force", "--auto-approve", "--assume-yes"), _YES),
    "-f": f"-f names the Labfile; {_YES}",
    "-c": f"-c names the libvirt host; {_BEHIND}",
    "--command": _BEHIND,
    **dict.fromkeys(("--all", "--target", "--vm"), _NAMES),
    **dict.fromkeys(
        ("--parallel", "--no-parallel"), "labctl always works on as many VMs at once as this host can take"
    ),
    "--host": "`labctl ssh-config` is for all VMs at once",
    "--provision": "`labctl up` runs the steps that have not run yet, `labctl provision --again` all of them",
    "--no-provision": "only steps that have not run yet are run; `labctl plan` names them",
    "--provision-with": "`labctl provision --only NAME`",
    "--provider": "the libvirt host is named by `--connect URI`",
    "--machine-readable": "`--json`",
    "--tail": "`-n N`",
    **dict.fromkeys(("-d", "--detach", "--wait"), "`labctl up` ends when all VMs are ready, and they go on"),
    "--var": "`--set NAME=VALUE`",
    "--refresh": "labctl always asks libvirt what there really is",
    **dict.fromkeys(
        ("--destroy-on-error", "--no-destroy-on-error"), "all is kept; `labctl up` goes on from there"
    ),
}

VERBS = {  # by the command before the verb
    "labctl": _VERBS,
    "labctl image": _IMAGE_VERBS,
    "labctl snapshot": _SNAPSHOT_VERBS,
}
