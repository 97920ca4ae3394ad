"""The example lab: real Debian, real cloud-init, a real SSH client."""

import json
import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "Labfile.yaml"
BOOT_S = 2400  # emulated guests, one after the other, on a machine that does other things too
FAILING = """
  broken:
    networks: [back]
    cloud_init: {runcmd: ["echo the disk is on fire >&2; exit 7"]}
"""


@pytest.fixture
def example(labctl, labdir):
    """Runs labctl on a copy of the example; what it made is removed again."""
    labfile = labdir / "Labfile.yaml"
    shutil.copy(EXAMPLE, labfile)

    def run(*words):
        return labctl("-f", str(labfile), *words, timeout_s=BOOT_S)

    run.labfile = labfile
    yield run
    gone = run("destroy", "--yes")
    assert gone.code == 0, gone.stderr


@pytest.mark.slow
def test_the_example_lab_comes_up_and_works(example):
    made = example("up", "--yes")
    assert made.code == 0, made.stderr
    assert example("plan", "--exit-code").code == 0

    vms = {vm["name"]: vm for vm in json.loads(example("status", "--json").stdout)["vms"]}
    assert {name: (vm["state"], vm["ready"]) for name, vm in vms.items()} == {
        "db": ("running", True),
        "web": ("running", True),
    }

    assert example("ssh", "web", "--", "true").code == 0  # with strict host keys, at the first connection
    assert "PasswordAuthentication" not in example("ssh", "web", "--", "id").stderr
    database = next(address["ip"] for address in vms["db"]["addresses"] if address["network"] == "back")
    assert example("ssh", "web", "--", "getent", "hosts", "db").stdout.split()[0] == database
    page = example("ssh", "web", "--", "curl", "-sf", "http://localhost/")
    assert page.stdout.strip() == f"Hello from web, the database is at {database}"

    another_one_fails(example)


def another_one_fails(example):
    """A VM whose command fails: exit 4 with the guest's own words; the others are as they were."""
    example.labfile.write_text(example.labfile.read_text() + FAILING)
    failed = example("up", "--yes")
    assert failed.code == 4, failed.stderr
    assert "vm/broken" in failed.stderr
    assert "the disk is on fire" in failed.stderr
    vms = {vm["name"]: vm for vm in json.loads(example("status", "--json").stdout)["vms"]}
    assert (vms["broken"]["state"], vms["broken"]["ready"]) == ("running", False)
    assert (vms["web"]["ready"], vms["db"]["ready"]) == (True, True)
