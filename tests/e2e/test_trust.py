"""Labfiles of strangers on a real libvirt: without a yes nothing of the host is read, run or reached."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.labfiles import blank_lab, virsh


@pytest.fixture
def stranger(make_lab, labdir: Path):
    """A lab of a stranger, and who tries it without `--trust`."""
    folder = labdir / "repository"

    def lab(**fields):
        made = make_lab(
            blank_lab("stranger", networks={"net": {}}, vms={"a": {"networks": ["net"], **fields}}), folder
        )
        made.labctl = replace(made.labctl, trusts=False)
        return made

    return lab


@pytest.fixture
def canary(labdir: Path) -> Path:
    """A program that leaves a trace where it ran."""
    script = labdir / "evil"
    script.write_text(f'#!/bin/sh\necho ran >>{labdir}/trace\nexec qemu-system-x86_64 "$@"\n')
    script.chmod(0o755)
    return script


def test_an_emulator_of_a_stranger_never_runs(stranger, canary, labdir):
    lab = stranger(xml=[{"at": "./devices", "add": f"<emulator>{canary}</emulator>"}])
    for words in (["plan"], ["up", "--yes"], ["reload", "--yes"]):
        done = lab.run(*words)
        assert done.code == (0 if words == ["plan"] else 2), done
        assert f"<emulator>{canary}</emulator>" in done.stdout + done.stderr
    assert not (labdir / "trace").exists()
    assert "stranger" not in virsh("list", "--all", "--name")


def test_a_kernel_from_elsewhere_is_given_to_nobody_before_the_yes(stranger, labdir, micro):
    kernel = labdir / "vmlinuz"
    kernel.write_bytes(Path(micro.kernel).read_bytes())
    lab = stranger(boot={"kernel": "../vmlinuz"}, state="off")
    assert lab.run("up", "--yes").code == 2
    assert "labctl-stranger" not in virsh("pool-list", "--all", "--name").split()
    lab.ok("up", "--yes", "--trust")
    kernel.write_bytes(kernel.read_bytes() + b"\0")
    assert lab.run("up", "--yes").code == 2, "another content needs another yes"
    (asked,) = (
        each for each in json.loads(lab.ok("plan", "--json").stdout)["reaches"] if not each["trusted"]
    )
    assert asked["subject"] == str(kernel)
    lab.ok("up", "--yes", "--trust")
    name = lab.ok("trust").stdout.split()[0]
    lab.ok("trust", "--revoke", name)
    lab.ok("destroy", "--yes")
