"""What stands against forwards before the first change."""

import os
import socket
from types import SimpleNamespace

import pytest

from labctl.app import forwards
from labctl.core.address import Address
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.host.hosts import Hosts
from labctl.host.machine import forwarders
from labctl.labfile.load import load
from tests.composed import applied, specs
from tests.madeup import MadeUpHost


@pytest.fixture
def content(free_port):
    web = {"image": "none", "networks": ["front"], "forwards": ["192.0.2.1:1:1", f"{free_port}:80"]}
    return {"networks": {"front": {"subnet": "10.0.1.0/24"}}, "vms": {"web": web}}


@pytest.fixture
def session(tmp_path, content):
    import yaml

    path = tmp_path / "Labfile.yaml"
    path.write_text(yaml.safe_dump({"labfile": 1, "name": "shop", **content}))
    host = MadeUpHost(local=True)
    return SimpleNamespace(lab=load(str(path)).lab, hosts=Hosts(host))


def found(session, made):
    return [(each.path, each.summary, each.severity) for each in forwards.check(session, made)]


def test_all_ports_that_cant_be_had_are_told_at_once(session, content, free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        told = found(session, plan(specs(content), {}))
    (nowhere, taken) = told
    assert nowhere == ("vms.web.forwards[0]", "this host has no address 192.0.2.1", "foreign")
    assert taken[0] == "vms.web.forwards[1]"
    assert f"port {free_port} of 127.0.0.1 is taken by" in taken[1]
    assert f"(PID {os.getpid()})" in taken[1]


def test_what_is_there_already_is_not_looked_at(session, content):
    there = applied(specs(content))
    assert found(session, plan(there, there)) == []


def test_a_port_of_the_labs_own_that_is_given_up_in_this_run_is_free(session, content, free_port):
    """A forward that moves to another VM; one that stays is none."""
    content["vms"]["web"]["forwards"].pop(0)
    there = applied(specs(content))
    old = Address("forward", f"web/{free_port}")
    moved = replace(there[old], vm="db")
    session.lab = replace(
        session.lab, vms=(*session.lab.vms, replace(session.lab.vms[0], name="db", base="db"))
    )
    mark = forwarders.Mark(MadeUpHost.uri, "shop", old.name)
    forwarders.start(mark, there[old].listens, "tcp", there[old].listens)
    try:
        moves = {address: spec for address, spec in there.items() if address != old} | {moved.address: moved}
        assert found(session, plan(moves, there)) == []
        ((path, summary, _severity),) = found(session, plan(there | {moved.address: moved}, there))
        assert (path, "is taken by socat" in summary) == ("vms.db.forwards[1]", True)
    finally:
        forwarders.end(mark)


def test_without_socat_the_package_is_named(session, content, monkeypatch):
    content["vms"]["web"]["forwards"].pop(0)
    monkeypatch.setattr(forwards.command, "path", lambda _tool: None)
    (problem,) = forwards.check(session, plan(specs(content), {}))
    assert problem.summary == "socat is not installed"
    assert "install socat" in problem.hint


def test_a_remote_host_is_an_error_that_says_so(session, content):
    (host,) = session.hosts
    host.local = False
    first, second = found(session, plan(specs(content), {}))
    assert first[1:] == second[1:] == (forwards.REMOTE, "error")
