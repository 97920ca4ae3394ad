"""From a look at the host's subnets to the start of the networks nobody else chooses one."""

from contextlib import ExitStack

import pytest

from labctl.app import subnet_lock
from labctl.app.session import Session
from labctl.core.errors import LabHeld
from labctl.core.events import StepDone, StepFailed, StepSkipped, StepStarted
from labctl.core.planning import plan
from labctl.host.host import Host
from labctl.host.hosts import Hosts
from tests.composed import applied, specs

CONTENT = {"networks": {"front": {"subnet": "10.0.0.0/24"}, "back": {"subnet": "10.0.1.0/24"}}}


def test_the_networks_that_a_plan_makes_are_waited_for():
    wanted = specs(CONTENT)
    assert subnet_lock.networks(plan(wanted, {})) == {"network/front", "network/back"}
    assert subnet_lock.networks(plan(wanted, applied(wanted))) == set()
    assert subnet_lock.networks(plan({}, applied(wanted))) == set(), "a deletion chooses no subnet"


def test_it_is_given_back_once_the_last_network_is_settled_whatever_came_of_it():
    told = []
    with ExitStack() as subnets:
        subnets.callback(told.append, "given back")
        sink = subnet_lock.releasing(told.append, {"network/a", "network/b", "network/c"}, subnets)
        events = [
            StepStarted("network/a", "create", "create", "creating"),
            StepDone("network/a", "create", 0.1),
            StepDone("vm/web", "create", 0.1),
            StepFailed("network/b", "create", "no", ""),
            StepSkipped("network/c", "create", "network/b failed", begun=False),
        ]
        for event in events:
            assert "given back" not in told
            sink(event)
        assert told == [*events, "given back"]


def test_another_lab_on_the_same_host_waits_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(subnet_lock, "WAIT_S", 0.0)
    session = Session(Hosts(Host(f"test://{tmp_path}")), "Labfile.yaml")
    with subnet_lock.acquired(session), pytest.raises(LabHeld), subnet_lock.acquired(session):
        pytest.fail("both chose a subnet at the same time")
    with subnet_lock.acquired(session):
        pass
