"""What `status`, `list` and `ssh` make of a look at libvirt."""

import json
from pathlib import Path

import jsonschema
import pytest

from labctl import resources
from labctl.app import listing, ssh, status
from labctl.app.session import Session
from labctl.cli.status import _cells
from labctl.core.errors import LabctlError, Rejected, UsageError
from labctl.core.ip import read_addresses
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.engine import overview
from labctl.engine.overview import Overview
from labctl.kinds.image.overview import ImageOverview
from labctl.kinds.network.overview import NetworkOverview
from labctl.kinds.vm.overview import NicOverview, VmOverview

LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, cloud_init: false}
networks: {front: {subnet: 10.0.0.0/24}}
vms: {web: {count: 2, networks: [front]}, db: {networks: [front]}}
"""
GIB = 1 << 30


def vm(name="web-1", state="running", nics=(("front", "10.0.0.2"),), **more) -> VmOverview:
    fields = {
        "lab": "shop",
        "base": name.partition("-")[0],
        "file": "/x/Labfile.yaml",
        "user": "lab",
        "ready": state == "running",
        "awaited": True,
        "cpus": 1,
        "memory": GIB,
        "disks": ("root",),
        "libvirt_name": f"shop.{name}",
        "seeded": True,
    }
    made = tuple(NicOverview(network, "52:54:00:00:00:01", read_addresses([ip])) for network, ip in nics)
    return VmOverview(name=name, state=state, nics=made, **(fields | more))


def network(name="front", host=("10.0.0.1",), *, active=True) -> NetworkOverview:
    return NetworkOverview(name, "shop", "/x/Labfile.yaml", "nat", ("10.0.0.0/24",), host, active=active)


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "Labfile.yaml"
    path.write_text(LABFILE)

    class Nowhere:
        uri = "qemu:///system"

    made = Session(source=str(path))
    made.host = Nowhere()
    return made


def seen(monkeypatch, *vms, networks=None):
    found = Overview(list(vms), [network()] if networks is None else list(networks))
    monkeypatch.setattr(overview, "look", lambda *_, **_how: found)


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
        "old: no longer in the Labfile; `labctl up` removes it",
        "network front is down; `labctl up` starts it",
    )
    schema = json.loads(resources.text("schemas/status.schema.json"))
    jsonschema.validate(found.to_json(), schema)


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


def test_a_link_that_is_down_shows(monkeypatch, session):
    web = vm("web-1")
    web.nics[0].link = "down"
    seen(monkeypatch, web)
    (told,) = status.status(session, ["web-1"]).to_json()["vms"][0]["addresses"]
    assert told == {"network": "front", "ip": "10.0.0.2", "mac": "52:54:00:00:00:01", "link": "down"}


def test_a_vm_that_nothing_is_told_of_is_neither_ready_nor_unready(monkeypatch, session):
    seen(monkeypatch, vm("web-1"), vm("db", ready=False, awaited=False))
    found = status.status(session)
    told = {each["name"]: each["ready"] for each in found.to_json()["vms"]}
    assert told == {"db": None, "web-1": True, "web-2": False}
    schema = json.loads(resources.text("schemas/status.schema.json"))
    jsonschema.validate(found.to_json(), schema)
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
    gone = Session(source=session.source, absent=absent)
    gone.host = session.host
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
    problem = overview._problem("paused", 5)
    assert "I/O error" in problem
    assert "labctl resume" in problem
    seen(monkeypatch, vm("db", "paused", problem=problem))
    found = status.status(session)
    assert found.notes == (f"db: {problem}",)
    assert found.to_json()["vms"][0]["problem"] == problem


def test_a_plan_that_fails_leaves_the_rest(monkeypatch, session):
    def fail(*_):
        raise LabctlError("someone has the name")

    monkeypatch.setattr("labctl.app.prepare.prepare", fail)
    seen(monkeypatch, vm("db"))
    found = status.status(session, drift=True)
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
        overview._set_state(found, state, 0)
        assert found.problem == problem


def test_a_vm_that_is_off_is_not_ready_whatever_it_was():
    found = vm(ready=True)
    overview._set_state(found, State.OFF, 0)
    assert not found.ready


class TestReach:
    def reach(self, *vms, networks=None, uri="qemu:///system"):
        nets = [network(), network("back", ())] if networks is None else networks
        return ssh.reach(Overview(list(vms), nets), uri)

    def test_the_first_address_on_a_network_of_the_host(self):
        found = self.reach(vm(nics=(("back", "10.1.0.2"), ("front", "10.0.0.2"))))
        assert found.logins["web-1"].address == "10.0.0.2"
        assert found.logins["web-1"].jump == ""

    def test_the_host_is_on_what_it_bridges_and_on_others_networks_but_never_on_a_macvtap(self):
        nets = [replace(network("lan", ()), mode="bridge"), replace(network("tap", ()), mode="macvtap")]
        for name, reached in (("lan", True), ("tap", False), ("default", True)):
            guest = vm(nics=((name, "192.0.2.5"),))
            guest.nics[0].reports = True
            found = self.reach(guest, networks=nets)
            assert ("web-1" in found.logins) is reached, name

    def test_a_guest_that_reports_no_address_is_told_as_such(self):
        silent = vm(nics=(("default", ""),))
        silent.nics[0].reports = True
        assert self.reach(silent).reasons == {"web-1": "its guest reports no address on default"}

    def test_through_another_vm(self):
        found = self.reach(
            vm("gate", nics=(("front", "10.0.0.2"), ("back", "10.1.0.2"))),
            vm("db", nics=(("back", "10.1.0.3"),)),
        )
        assert (found.logins["db"].address, found.logins["db"].jump) == ("10.1.0.3", "gate")

    def test_no_way_leads_over_a_link_that_is_down(self):
        web = vm("web-1", nics=(("front", "10.0.0.2"), ("back", "10.1.0.2")))
        db = vm("db", nics=(("back", "10.1.0.3"),))
        web.nics[0].link = "down"
        found = self.reach(web, db, networks=[network(), network("back", ("10.1.0.1",))])
        assert (found.logins["web-1"].address, found.logins["web-1"].jump) == ("10.1.0.2", "")
        web.nics[1].link = "down"
        found = self.reach(web, db, networks=[network(), network("back", ())])
        assert found.reasons["web-1"] == "the link of front, back is down"
        assert found.reasons["db"].startswith("the host has no address on its networks (back)")

    def test_through_the_libvirt_host(self):
        assert (
            self.reach(vm(), uri="qemu+ssh://root@kvm1:2222/system").logins["web-1"].jump == "root@kvm1:2222"
        )

    @pytest.mark.parametrize(
        ("seen_vm", "why"),
        [
            (vm(nics=(("back", "10.1.0.3"),)), "the host has no address on its networks (back)"),
            (vm(nics=(("lan", ""),)), "no address of it is known"),
            (vm(nics=()), "it has no NIC"),
            (vm(state="off"), "it is off"),
        ],
        ids=["host: false", "bridge", "no NIC", "off"],
    )
    def test_why_not(self, seen_vm, why):
        found = self.reach(seen_vm)
        assert found.logins == {}
        assert found.reasons["web-1"].startswith(why)

    def test_a_network_that_is_down_leads_nowhere(self):
        assert not self.reach(vm(), networks=[network(active=False)]).logins


class TestSsh:
    @pytest.fixture(autouse=True)
    def keys(self, session, monkeypatch):
        monkeypatch.setattr(ssh.shutil, "which", lambda _name: "/usr/bin/ssh")
        (session.folder / "host-keys").mkdir(parents=True)
        (session.folder / "id_ed25519").write_text("secret")
        (session.folder / "host-keys/db.pub").write_text("ssh-ed25519 AAAA db\n")

    def test_the_command_and_its_files(self, monkeypatch, session):
        seen(monkeypatch, vm("db", user="me"))
        argv = ssh.command(session, "db", ["ls", "-l"])
        folder = session.folder
        assert argv == ["ssh", "-F", str(folder / "ssh_config"), "db", "--", "ls", "-l"]
        config = (folder / "ssh_config").read_text()
        for line in (
            "HostName 10.0.0.2",
            "HostKeyAlias shop.db",
            "User me",
            "StrictHostKeyChecking yes",
            "IdentitiesOnly yes",
            "PasswordAuthentication no",
            "GlobalKnownHostsFile /dev/null",
        ):
            assert f"  {line}\n" in config
        assert (folder / "known_hosts").read_text() == "shop.db ssh-ed25519 AAAA\n"
        assert {path.stat().st_mode & 0o777 for path in (folder / "ssh_config", folder / "known_hosts")} == {
            0o600
        }

    def test_the_way_is_part_of_the_configuration(self, monkeypatch, session):
        back = (("back", "10.1.0.2"),)
        gate = vm("web-1", nics=(("front", "10.0.0.2"), *back))
        seen(monkeypatch, vm("db", nics=back), gate, vm("web-2", "off"))
        text, reasons = ssh.config(session, ["db"])
        assert "-W '[%h]:%p' web-1" in text
        assert text.startswith("Host web-1\n")
        assert "\nHost db\n" in text
        assert reasons == {}
        assert ssh.config(session)[1] == {"web-2": "it is off"}

    @pytest.mark.parametrize(
        ("name", "message", "hint"),
        [
            (None, "which VM?", "name one of db, web-1, web-2"),
            ("web", "web stands for 2 VMs", "name one of web-1, web-2"),
            ("dbb", "no VM is called dbb", "did you mean db?"),
            ("web-1", "vm/web-1: can't log in: it does not exist yet", "`labctl up web-1` mends that"),
        ],
    )
    def test_whom(self, monkeypatch, session, name, message, hint):
        seen(monkeypatch, vm("db"))
        with pytest.raises(LabctlError) as caught:
            ssh.command(session, name, [])
        assert (str(caught.value), caught.value.hint) == (message, hint)

    def test_lost_keys(self, monkeypatch, session):
        seen(monkeypatch, vm("web-1"))
        with pytest.raises(LabctlError, match="the host key of web-1 is not known here"):
            ssh.command(session, "web-1", [])

    def test_a_vm_without_a_seed_has_no_login(self, monkeypatch, session):
        seen(monkeypatch, vm("db", seeded=False))
        with pytest.raises(LabctlError, match="without cloud-init"):
            ssh.command(session, "db", [])


def test_openssh_reads_paths_as_they_are():
    from labctl.host.access.ssh import quoted

    assert quoted(Path("/a b/100%/x")) == '"/a b/100%%/x"'
