"""Verbs of other tools (Vagrant, Docker Compose, Terraform, kcli, virsh, Multipass, Lima), and labctl's verbs for them.

There is one table for labctl's verbs and one for those below `image`. A value lists labctl's verbs, the likeliest
first, or is a sentence if no single verb does the same.
"""

from __future__ import annotations

Verbs = dict[str, tuple[str, ...] | str]

_RECREATE = "`labctl destroy VM`, then `labctl up`, recreates it"
_EDIT = "write it in the Labfile; `labctl plan` shows what follows from it, `labctl up` does it"

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
    **dict.fromkeys(("pause", "sleep", "save", "managedsave"), ("suspend",)),
    **dict.fromkeys(("unpause", "wake", "unsuspend", "restore"), ("resume",)),
    **dict.fromkeys(("ps", "info", "state", "stats", "top", "inspect", "describe"), ("status",)),
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
    "rsync": ("watch", "copy"),
    **dict.fromkeys(("rsync-auto", "sync"), ("watch",)),
    "ansible": ("provision", "inventory"),
    **dict.fromkeys(("sendkey", "send-key", "type"), ("send-keys",)),
    **dict.fromkeys(("log", "journal"), ("logs",)),
    **dict.fromkeys(("box", "boxes", "images", "find", "template"), ("image list",)),
    **dict.fromkeys(("pull", "download"), ("image pull",)),
    **dict.fromkeys(("build", "package"), ("image build",)),
    "import": ("image import",),
    "rmi": ("image remove",),
    "prune": ("image prune",),
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

VERBS = {"labctl": _VERBS, "labctl image": _IMAGE_VERBS}  # by the command before the verb
