"""Steps with a playbook: how Ansible gets to their VMs, and what is told where it does not."""

import pytest
import yaml

from labctl.app import playbooks
from labctl.app.session import Session
from labctl.core.planning import plan
from labctl.core.spec import of_kind
from labctl.host.hosts import Hosts
from labctl.kinds.provision.spec import ProvisionSpec
from tests.composed import specs
from tests.madeup import MadeUpHost


@pytest.fixture
def planned(tmp_path):
    def planned(content):
        (tmp_path / "site.yaml").write_text("[]")
        content = {"labfile": 1, "name": "shop", "defaults": {"image": "debian-12"}, **content}
        (tmp_path / "Labfile.yaml").write_text(yaml.safe_dump(content))
        session = Session(Hosts(MadeUpHost(connection=None)), str(tmp_path / "Labfile.yaml"))
        wanted = playbooks.with_access(session, dict(specs(content)))
        return session, wanted, plan(wanted, {}, lab="shop", connection="test:///default")

    planned.step = {"ansible": {"playbook": str(tmp_path / "site.yaml")}}
    return planned


NETWORKS = {"front": {}, "wire": {"mode": "isolated", "host": False, "subnet": "10.90.7.0/24"}}


def test_all_vms_are_in_the_inventory_with_the_addresses_that_they_will_have(planned):
    vms = {"gate": {"networks": ["front", "wire"]}, "db": {"networks": ["wire"], "provision": [planned.step]}}
    session, wanted, made = planned({"networks": NETWORKS, "vms": vms, "groups": {"g": {"children": ["db"]}}})
    [step] = of_kind(wanted.values(), ProvisionSpec)
    assert {(each.vm, each.jump) for each in step.access.logins} == {("gate", ""), ("db", "gate")}
    assert step.access.groups["g"].hosts == ("db",)
    assert [problem for problem in playbooks.obstacles(session, made) if "SSH" in problem.summary] == []


def test_a_vm_that_ssh_does_not_lead_to_is_told(planned):
    session, _, made = planned(
        {"networks": NETWORKS, "vms": {"db": {"networks": ["wire"], "provision": [planned.step]}}}
    )
    [problem, *_] = playbooks.obstacles(session, made)
    assert problem.path == "provision/db/1"
    assert "no network of the host leads to db" in problem.summary
    assert "a step with `shell`" in problem.hint


def test_without_ansible_the_package_is_named(planned, monkeypatch):
    monkeypatch.setattr(playbooks.command, "path", lambda _program: None)
    session, _, made = planned(
        {"networks": NETWORKS, "vms": {"web": {"networks": ["front"], "provision": [planned.step]}}}
    )
    [problem] = playbooks.obstacles(session, made)
    assert problem.summary == "there is no ansible-playbook on this machine"
    assert "ansible-core" in problem.hint
