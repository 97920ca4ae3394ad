"""What verbs there are: the one table that parsing and help read."""

from __future__ import annotations

GROUPS: dict[str, dict[str, str]] = {
    "write a lab": {
        "init": "write a Labfile to start from",
        "validate": "check the Labfile, tell every problem at once",
        "schema": "print the Labfile's JSON Schema, for editors",
    },
    "run it": {
        "plan": "show what `up` would change, field by field",
        "up": "make the lab what the Labfile says",
        "halt": "shut VMs down, keep everything",
        "reload": "apply the Labfile and restart VMs",
        "suspend": "pause VMs where they are",
        "resume": "let paused VMs go on",
        "destroy": "remove the lab, or some VMs with their disks",
    },
    "look at it": {
        "status": "tell the state and addresses of the lab's VMs",
        "list": "list all labs of this host",
        "logs": "show the console log of a VM",
        "doctor": "check this host and say how to mend it",
    },
    "enter it": {
        "ssh": "log in to a VM, or run a command there",
        "ssh-config": "print the OpenSSH configuration of the lab",
        "console": "attach to a VM's serial console",
    },
    "images": {
        "image": "list, get, build and remove the images that disks stand on",
    },
    "besides": {
        "completion": "print what completes commands and VM names in your shell",
    },
}
VERBS = {verb: text for group in GROUPS.values() for verb, text in group.items()}
NESTED: dict[str, dict[str, str]] = {
    "image": {
        "list": "list the images that are here, and those of the catalogue",
        "show": "tell all about one image",
        "pull": "have images in the store: the Labfile's, or those named",
        "update": "pin anew what the images are now, show what changed",
        "build": "build images from packages, or of a VM of the lab",
        "import": "put a file into the store under a name",
        "verify": "read images back and compare their digests",
        "prune": "remove the images that no disk and no Labfile.lock needs",
        "remove": "remove images that no disk stands on",
    },
}
CHANGING = ("up", "halt", "reload", "suspend", "resume", "destroy")
TAKES_COMMAND = ("ssh", "completion")  # after `--`


def module(*verb: str) -> str:
    """The module of a verb, or of one below it, as in `module("image", "list")`."""
    names = ["import_" if name == "import" else name.replace("-", "_") for name in verb]
    return ".".join(("labctl.cli", *names))
