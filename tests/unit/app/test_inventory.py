"""What Ansible is told of a lab."""

import pytest

from labctl.app.inventory import inventory, variables, write
from labctl.core.errors import LabctlError, UsageError
from labctl.host.access.inventory import Group
from tests.unit.overviews import network, seen, vm


def test_vms_of_the_labfile_with_the_way_to_them(monkeypatch, session, keys):
    gate = vm("web-1", nics=(("front", "10.0.0.9"), ("back", "10.1.0.2")))
    seen(monkeypatch, vm("db"), gate, vm("gone"), networks=[network(), network("back", ())])
    found, reasons = inventory(session)
    assert [each.name for each in found.guests] == ["db", "web-1", "web-2"]
    assert found.groups == {"web": Group(("web-1", "web-2"))}
    assert variables(found, "db")["ansible_host"] == "db"
    assert variables(found, "web-1")["labctl_addresses"] == {"front": ["10.0.0.9"], "back": ["10.1.0.2"]}
    assert "Host db\n" in found.config.read_text()
    assert reasons == {"web-1": "its host key is not known here", "web-2": "it does not exist yet"}


def test_why_ssh_does_not_lead_there(monkeypatch, session):
    seen(monkeypatch, vm("db"), vm("web-1", "off"), vm("web-2", seeded=False))
    found, reasons = inventory(session)
    assert "login key is not at" in reasons["db"]
    assert reasons["web-1"] == "it is off"
    assert "made without cloud-init" in reasons["web-2"]
    assert not found.config.exists()
    assert {each["ansible_host"] for each in found.variables().values()} == {
        "db.invalid",
        "web-1.invalid",
        "web-2.invalid",
    }


def test_a_vm_that_is_not_there(monkeypatch, session):
    seen(monkeypatch)
    with pytest.raises(UsageError, match="no VM is called web-3") as caught:
        variables(inventory(session)[0], "web-3")
    assert caught.value.hint == "did you mean web-2?"


def test_a_file_that_can_not_be_written(tmp_path):
    with pytest.raises(LabctlError, match="can't write the inventory"):
        write("", tmp_path / "nowhere" / "hosts.yaml")
