"""Inventories, as Ansible itself reads them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access.inventory import Group, Guest, Inventory, nested

FOLDER = Path("/labs/a b/.labctl/shop")
needs_ansible = pytest.mark.skipif(shutil.which("ansible-inventory") is None, reason="no Ansible here")


def inventory(*guests, groups=None, folder=FOLDER):
    return Inventory(guests, groups or {}, folder / "ssh_config", folder / "id_ed25519")


def read_by_ansible(path, tmp_path, *words):
    """What Ansible makes of an inventory: nothing of the user's own settings has a part in it."""
    (tmp_path / "empty.cfg").touch()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ANSIBLE_CONFIG": str(tmp_path / "empty.cfg"),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "1",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        ["ansible-inventory", "-i", str(path), *(words or ("--list",))],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def shop():
    guests = (
        Guest("db", "lab", {"front": ("10.0.0.2",), "back": ("10.1.0.2", "fd00::2")}),
        Guest("no", "root", {}, reached=False),
        Guest("web-1", "lab", {}),
        Guest("web-2", "lab", {}),
    )
    groups = {"web": Group(("web-1", "web-2")), "all-nodes": Group(("db",), ("web",)), "empty": Group()}
    return inventory(*guests, groups=groups)


@needs_ansible
@pytest.mark.parametrize("shape", ["hosts.yaml", "hosts.json", "hosts", "script"])
def test_ansible_reads_each_shape_alike(tmp_path, shape):
    path = tmp_path / shape
    if shape == "script":
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(shop().listing())}\nEND\n")
        path.chmod(0o700)
    else:
        path.write_text(shop().text(as_json=shape.endswith("json")))
    found = read_by_ansible(path, tmp_path)
    assert found["_meta"]["hostvars"] == shop().variables()
    assert found["web"]["hosts"] == ["web-1", "web-2"]
    assert (found["all-nodes"]["hosts"], found["all-nodes"]["children"]) == (["db"], ["web"])
    assert found["ungrouped"]["hosts"] == ["no"]


def test_how_a_vm_is_reached():
    known = shop().variables()
    assert known["db"] == {
        "ansible_host": "db",
        "ansible_user": "lab",
        "ansible_ssh_common_args": "-F '/labs/a b/.labctl/shop/ssh_config'",
        "ansible_ssh_private_key_file": "/labs/a b/.labctl/shop/id_ed25519",
        "labctl_addresses": {"front": ["10.0.0.2"], "back": ["10.1.0.2", "fd00::2"]},
    }


def test_the_name_of_a_vm_that_is_not_reached_leads_to_no_other_machine():
    assert shop().variables()["no"]["ansible_host"] == "no.invalid"


@pytest.mark.parametrize("name", ["100%", 'a "b"', "back\\slash"])
def test_a_key_that_ansible_would_not_quote_is_left_to_the_configuration(name):
    [known] = inventory(Guest("db", "lab", {}), folder=Path("/") / name).variables().values()
    assert "ansible_ssh_private_key_file" not in known


@pytest.mark.parametrize("name", ["{{ 1 }}", "{% if %}", "{# #}", "a\nb"])
def test_what_ansible_would_run_is_refused(name):
    for found in (
        inventory(Guest("db", "lab", {}), folder=Path("/") / name),
        inventory(Guest("db", "lab", {name: ("10.0.0.2",)})),
    ):
        with pytest.raises(LabctlError, match="can't stand in an inventory of Ansible"):
            found.listing()


def test_groups_hold_groups_and_the_hosts_that_these_do_not_hold():
    found = nested(
        {"db": None, "web-1": "web", "web-2": "web"},
        {"inner": ["web-1"], "outer": ["db", "web-1"]},
        {"inner": ["web-1"], "outer": ["inner", "db"]},
    )
    assert found == {
        "inner": Group(("web-1",)),
        "outer": Group(("db",), ("inner",)),
        "web": Group(("web-1", "web-2")),
    }


def test_a_group_and_a_vm_of_one_name_are_one_group():
    found = nested(
        {"api": None, "db": None, "web-1": "web", "web-2": "web"},
        {"web": ["api"], "db": ["api"], "all-nodes": ["api", "db", "web-1", "web-2"]},
        {"web": ["web", "api"], "db": ["api"], "all-nodes": ["web", "db"]},
    )
    assert found == {
        "web": Group(("api", "web-1", "web-2")),
        "db": Group(("api", "db")),
        "all-nodes": Group((), ("web", "db")),
    }
