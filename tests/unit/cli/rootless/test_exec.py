"""Programs that are run inside a user's own libvirt."""

import os

import labctl.cli
from labctl.cli import inside
from labctl.host.rootless import outside


def test_a_program_inside_is_for_the_users_own_libvirt_whatever_their_environment_names(monkeypatch):
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "qemu+ssh://lab/system")
    monkeypatch.setattr(inside, "go", lambda *_, **__: None)
    monkeypatch.setattr(outside, "keep_for_programs", lambda: None)
    programs = []
    monkeypatch.setattr(
        os, "execvp", lambda *argv: programs.append((*argv, os.environ["LIBVIRT_DEFAULT_URI"]))
    )
    labctl.cli.run(["rootless", "exec", "--", "virsh", "list"])
    assert programs == [("virsh", ["virsh", "list"], "qemu:///system")]
