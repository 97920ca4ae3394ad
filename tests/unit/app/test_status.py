"""What `status`, `list` and `ssh` make of a look at libvirt."""

from pathlib import Path

import pytest

from labctl.app import listing, status
from labctl.app.session import Session
from labctl.cli.status import HEAD, _cells
from labctl.core.errors import LabctlError, Rejected, UsageError
from labctl.core.lifecycle import State
from labctl.engine import overview
from labctl.engine.overview import Overview
from labctl.kinds.forward.spec import record_of
from labctl.kinds.image.overview import ImageOverview
from labctl.report.colour import Paint
from labctl.report.table import table
from tests import schemas
from tests.unit.overviews import network, seen, vm


def test_the_labfile_and_what_exists(monkeypatch, session):
    seen(monkeypatch, vm("web-1"), vm("old", "off"), networks=(network(active=False),))
    found = status.status(session)
    assert [(row.name, row.state, row.expected) for row in found.rows] == [
        ("db", "absent", True),
        ("old", "off", False),
        ("web-1", "running", True),
        ("web-2", "absent", True),
    ]
    assert found.notes == (
        "not there yet: db, web-2; `labctl up` makes them",
        "old: no longer in the Labfile; `labctl up` removes it",
        "network front is down; `labctl up` starts it",
    )
    schemas.fits(found.to_json(), "status")


def test_an_image_that_looks_wrong_is_told_with_what_stands_on_it(monkeypatch, session):
    found = Overview([vm("web-1"), vm("web-2"), vm("db")], [network()])
    found.images = [
        ImageOverview("debian-12", "missing", ("web-1", "web-2")),
        ImageOverview("router", "changed", ("db",)),
    ]
    monkeypatch.setattr(overview, "look", lambda *_, **_how: found)
    missing = (
        "image debian-12, on which web-1, web-2 stand, is missing in the store; `labctl up` gets it again"
    )
    changed = "image router, on which db stands, was changed in the store; `labctl plan` tells whether it is damaged"
    assert status.status(session).notes == (missing, changed)
    assert status.status(session, ["db"]).notes == (changed,)


def test_forwards_show_with_whether_they_run(monkeypatch, session):
    records = {"forward": {"8080": record_of("10.0.0.2:80", 0, "", "")}}
    seen(monkeypatch, vm("web-1", records=records))
    found = status.status(session, ["web-1"])
    (told,) = found.to_json()["vms"][0]["forwards"]
    assert told == {"host": "127.0.0.1:8080", "guest": "10.0.0.2:80", "protocol": "tcp", "alive": False}
    cells = _cells(found.rows[0])
    assert cells[3] == ["front 10.0.0.2", "127.0.0.1:8080 → 80 (not running)"]
    assert max(map(len, table(HEAD, [cells], Paint(), 80).splitlines())) <= 80
    schemas.fits(found.to_json(), "status")


def test_a_link_that_is_down_shows(monkeypatch, session):
    web = vm("web-1")
    web.nics[0].link = "down"
    seen(monkeypatch, web)
    (told,) = status.status(session, ["web-1"]).to_json()["vms"][0]["addresses"]
    assert told == {"network": "front", "ip": "10.0.0.2", "mac": "52:54:00:00:00:01", "link": "down"}


def test_json_says_how_a_guest_has_its_folders_and_why(monkeypatch, session):
    kept = {"source": "/home/me/app", "type": "virtiofs", "why": "the host can", "content": ""}
    seen(monkeypatch, vm("web-1", folders={"/srv/app": kept}))
    told = status.status(session, ["web-1"]).to_json()
    schemas.fits(told, "status")
    assert told["vms"][0]["folders"] == [
        {"target": "/srv/app", "source": "/home/me/app", "type": "virtiofs", "why": "the host can"}
    ]


def test_a_vm_that_nothing_is_told_of_is_neither_ready_nor_unready(monkeypatch, session):
    seen(monkeypatch, vm("web-1"), vm("db", ready=False, awaited=False))
    found = status.status(session)
    told = {each["name"]: each["ready"] for each in found.to_json()["vms"]}
    assert told == {"db": None, "web-1": True, "web-2": False}
    schemas.fits(found.to_json(), "status")
    cells = {row.name: _cells(row)[1:3] for row in found.rows}
    assert cells == {"db": ["running", "-"], "web-1": ["running", "yes"], "web-2": ["absent", "-"]}


def test_a_broken_labfile_leaves_what_exists(monkeypatch, session):
    path = Path(session.source)
    path.write_text("labfile: 1\nnmae: shop\n")
    seen(monkeypatch, vm("web-1", file=str(path)), vm("other", file="/y", lab="other"))
    found = status.status(session)
    assert (found.lab, [row.name for row in found.rows]) == ("shop", ["web-1"])
    assert "labctl validate" in found.notes[0]
    seen(monkeypatch, vm("other", file="/y", lab="other"))
    with pytest.raises(Rejected):
        status.status(session)


def test_a_labfile_that_went_leaves_what_exists(monkeypatch, session):
    absent = UsageError("no such file")
    gone = Session(session.hosts, session.source, absent=absent)
    seen(monkeypatch, vm("web-1", file=session.source))
    found = status.status(gone)
    assert (found.lab, [row.name for row in found.rows]) == ("shop", ["web-1"])
    assert found.notes == ("the Labfile is not there, so this is only what exists",)
    seen(monkeypatch, vm("web-1", file="/y"))
    with pytest.raises(UsageError, match="no such file"):
        status.status(gone)


def test_only_some(monkeypatch, session):
    seen(monkeypatch, vm("web-1"))
    assert [row.name for row in status.status(session, ["web"]).rows] == ["web-1", "web-2"]
    with pytest.raises(UsageError) as caught:
        status.status(session, ["dbb"])
    assert caught.value.hint == "did you mean db?"


def test_a_full_disk_is_explained(monkeypatch, session):
    paused = vm("db", "paused")
    overview.set_state(paused, State.PAUSED, 5)
    problem = paused.problem
    assert "I/O error" in problem
    assert "labctl resume" in problem
    seen(monkeypatch, paused)
    found = status.status(session, ["db"])
    assert found.notes == (f"db: {problem}",)
    assert found.to_json()["vms"][0]["problem"] == problem


def test_a_plan_that_fails_leaves_the_rest(monkeypatch, session):
    def fail(*_, **_more):
        raise LabctlError("someone has the name")

    monkeypatch.setattr("labctl.app.pools_first.plans", fail)
    seen(monkeypatch, vm("db"))
    found = status.status(session, ["db"], drift=True)
    assert found.rows[0].drift is None
    assert found.notes == ("what differs from the Labfile is not known: someone has the name",)


def test_all_labs_of_a_host(monkeypatch):
    class Pool:
        def __init__(self, name):
            self.name = lambda: name

    class Virt:
        uri = ""

        def listAllStoragePools(self):  # noqa: N802  # libvirt's name
            return [Pool("labctl-images"), Pool("labctl-shop"), Pool("labctl-lost"), Pool("default")]

    class Host:
        uri = "x"
        local = False
        virt = Virt()

    seen(monkeypatch, vm("a-10"), vm("a-9", "off"), vm("b", lab="other", file="/y"))
    assert [lab.to_json() for lab in listing.labs(Host())] == [
        {"name": "lost", "vms": 0, "running": 0, "networks": [], "files": []},
        {"name": "other", "vms": 1, "running": 1, "networks": [], "files": ["/y"]},
        {"name": "shop", "vms": 2, "running": 1, "networks": ["front"], "files": ["/x/Labfile.yaml"]},
    ]


def test_why_a_vm_is_not_ready_is_its_problem_while_it_runs():
    for state, ready, problem in (
        (State.RUNNING, False, "cloud-init failed"),
        (State.RUNNING, True, ""),
        (State.OFF, False, ""),
    ):
        found = vm(ready=ready, problem="cloud-init failed")
        overview.set_state(found, state, 0)
        assert found.problem == problem


def test_a_vm_that_is_off_is_not_ready_whatever_it_was():
    found = vm(ready=True)
    overview.set_state(found, State.OFF, 0)
    assert not found.ready
