"""Labs of the tests: Labfiles as data that a test edits, and labctl's commands on them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Finished, Labctl
    from tests.e2e.micro import MicroGuest

Content = dict[str, Any]
CHANGES = 3  # the exit code of `plan --exit-code`


def micro_lab(name: str, micro: MicroGuest, *, networks: Content, vms: Content, **other: Content) -> Content:
    """A lab of micro guests."""
    boot = {"kernel": str(micro.kernel), "initrd": str(micro.initrd), "cmdline": micro.cmdline}
    defaults = {"image": str(micro.image), "memory": "160MiB", "boot": boot}
    return {"labfile": 1, "name": name, "defaults": defaults, "networks": networks, "vms": vms, **other}


def blank_lab(name: str, *, networks: Content, vms: Content) -> Content:
    """A lab of VMs that have nothing to boot: up in a second, for tests of all but guests."""
    defaults = {"image": "none", "disk": "1MiB", "memory": "32MiB"}
    return {"labfile": 1, "name": name, "defaults": defaults, "networks": networks, "vms": vms}


@dataclass
class Lab:
    """A Labfile in a folder. Change `content` and call: the file is written before each command."""

    labctl: Labctl
    content: Content

    def run(self, *arguments: str, **options: Any) -> Finished:
        self.write()
        return self.labctl(*arguments, **options)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Leave it running; `options` are `stdin` and `stderr` where they are to be others, and variables."""
        self.write()
        return self.labctl.start(*arguments, **options)

    def write(self) -> None:
        self.path.write_text(yaml.safe_dump(self.content, sort_keys=False))

    @property
    def path(self) -> Path:
        return self.labctl.folder / "Labfile.yaml"

    @property
    def name(self) -> str:
        return str(self.content["name"])

    def ok(self, *arguments: str) -> Finished:
        """Run what has to succeed."""
        finished = self.run(*arguments)
        assert finished.code == 0, f"labctl {' '.join(arguments)}: {finished}"
        return finished

    def ok_with(self, environment: dict[str, str], *arguments: str) -> Finished:
        """As `ok`, with these variables."""
        finished = self.run(*arguments, **environment)
        assert finished.code == 0, f"labctl {' '.join(arguments)}: {finished}"
        return finished

    def up(self) -> None:
        """Bring it up, after which there is nothing left to do."""
        self.ok("up", "--yes")
        assert self.plan() == {}

    def destroy(self) -> None:
        self.ok("destroy", "--yes")

    def plan(self) -> dict[str, list[str]]:
        """What `up` would do: address → action, then the fields that change, as in `{"vm/db": ["update", "cpus"]}`."""
        finished = self.run("plan", "--json", "--exit-code")
        assert finished.code in (0, CHANGES), finished
        steps = json.loads(finished.stdout)["steps"]
        assert bool(steps) == (finished.code == CHANGES)
        return {step["address"]: [step["action"], *_changed(step)] for step in steps}

    def ssh(self, vm: str, command: str) -> str:
        """What the command writes in the VM, logged in as a user would."""
        return self.ok("ssh", vm, "--", command).stdout


def _changed(step: dict[str, Any]) -> list[str]:
    """The fields that change; not those of what comes or goes, which are all that it has."""
    if step["action"] in ("create", "delete"):
        return []
    return [change["field"] for change in step["changes"]]


def virsh(*arguments: str) -> str:
    """What someone does behind labctl's back."""
    return subprocess.run(["virsh", "-q", *arguments], check=True, capture_output=True, text=True).stdout
