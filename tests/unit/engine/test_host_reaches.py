"""All that a lab reaches of the host beyond its own folder."""

import json
from ipaddress import IPv4Address, IPv4Network, ip_address
from pathlib import Path

import pytest

from labctl.core.host_reach import Deed
from labctl.engine.allocation import Allocation, NetworkAddresses, NicAddresses
from labctl.engine.host_reaches import host_reaches, image_reaches
from labctl.engine.provision import not_played
from labctl.engine.sources import Sources
from labctl.host.files import played_folder
from labctl.kinds.folder.spec import FolderSpec
from labctl.kinds.image.spec import ImageSpec
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.provision.work import Ansible
from labctl.labfile.load import load


def lab_of(folder: Path, vms, front=None):
    path = folder / "lab/Labfile.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"labfile": 1, "name": "shop", "networks": {"front": front or {}}, "vms": vms})
    )
    return load(str(path)).lab


def building(folder: Path, **fields):
    lab = lab_of(folder, {"web": {"image": {"build": {"suite": "bookworm", **fields}}}})
    return image_reaches(lab, Sources())


def test_a_file_is_known_by_the_digest_of_what_the_guest_gets(tmp_path):
    (tmp_path / "kernel").write_text("x")
    lab = lab_of(tmp_path, {"web": {"image": "none", "boot": {"kernel": "../kernel"}}})
    blobs = {path: ImageSpec("kernel", "sha256-11") for path in lab.outside}
    (found,) = host_reaches(lab, Sources(blobs=blobs), Allocation(), ())
    assert image_reaches(lab, Sources(blobs=blobs)) == ()  # which `image pull` asks for
    assert (found.deed, found.subject, found.content) == (Deed.GIVES, str(tmp_path / "kernel"), "sha256-11")


def test_the_same_file_is_one_thing_and_another_content_another(tmp_path):
    (tmp_path / "motd").write_text("one")
    files = [{"target": "/etc/motd", "source": "../motd"}]
    first = building(tmp_path, files=files)
    (tmp_path / "motd").write_text("two")
    second = building(tmp_path, files=files)
    assert [str(each.deed) for each in first] == ["runs", "gives"]
    assert not {each.id for each in first} & {each.id for each in second}


def test_a_playbook_runs_on_the_host_and_another_content_or_role_is_another_thing(tmp_path):
    site = tmp_path / "lab/site.yaml"
    site.parent.mkdir()
    site.write_text("[]")
    tags = ["a"]

    def reach():
        work = Ansible(site, tags=tuple(tags))
        lab = lab_of(tmp_path, {"web": {"image": "debian-12"}})
        digest = played_folder.digest(work.folder, not_played(lab))
        (found,) = host_reaches(
            lab, Sources(), Allocation(), [ProvisionSpec("web", 1, work=work, played=digest)]
        )
        return found

    first = reach()
    assert (first.deed, first.subject, first.field) == (Deed.RUNS, str(site), "vms.web.provision")
    (site.parent / "roles/x/tasks").mkdir(parents=True)
    (site.parent / "roles/x/tasks/main.yml").write_text("[]")
    seen = [first.id, reach().id]
    for name in ("strategy_plugins/linear.py", "other.yaml"):  # plugins run here, too; others it may import
        (site.parent / name).parent.mkdir(exist_ok=True)
        (site.parent / name).write_text("[]")
        seen.append(reach().id)
    tags.append("b")
    assert len({*seen, reach().id}) == 5


def test_the_lock_and_what_steps_fetch_do_not_count_as_a_playbook(tmp_path):
    fetched = {"provision": [{"fetch": {"source": "/k", "target": "out/k"}}]}
    lab = lab_of(tmp_path, {"web": {"image": "debian-12", **fetched}})
    (tmp_path / "lab/site.yaml").write_text("[]")
    before = played_folder.digest(tmp_path / "lab", not_played(lab))
    (tmp_path / "lab/Labfile.lock").write_text("{}")
    (tmp_path / "lab/out").mkdir()
    with_folder = played_folder.digest(tmp_path / "lab", not_played(lab))
    (tmp_path / "lab/out/k").write_text("of a guest")
    assert played_folder.digest(tmp_path / "lab", not_played(lab)) == with_folder
    assert with_folder == before


def test_commands_and_files_of_a_build_run_on_the_host(tmp_path):
    run, files = ["echo a", "echo b"], [{"target": "/usr/bin/dpkg", "content": "#!/bin/sh"}]
    found = building(tmp_path, run=run, files=files)
    assert [(each.subject, each.field) for each in found] == [
        ("echo a", "vms.web.image.build.run[0]"),
        ("echo b", "vms.web.image.build.run[1]"),
        ("/usr/bin/dpkg", "vms.web.image.build.files[0]"),
    ]
    assert {each.deed for each in found} == {Deed.RUNS}
    assert all(each.where.startswith(f"{tmp_path}/lab/Labfile.yaml:1:") for each in found)


def test_a_command_after_another_one_is_another_thing(tmp_path):
    before = {each.id for each in building(tmp_path, run=["cd /x", "rm -rf *"])}
    assert not before & {each.id for each in building(tmp_path, run=["rm -rf *"])}


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://127.0.0.1:631/reboot", True),
        ("https://localhost/x", True),
        ("https://192.168.1.1/x", True),
        ("https://[::1]/x", True),
        ("https://cloud.debian.org/x", False),
    ],
)
def test_an_image_from_the_hosts_own_network_is_asked_for(tmp_path, url, asked):
    lab = lab_of(tmp_path, {"web": {"image": {"url": url, "sha256": "0" * 64}}})
    assert [(each.deed, each.subject) for each in image_reaches(lab, Sources())] == [
        (Deed.OPENS, url)
    ] * asked


def test_a_build_of_packages_alone_runs_nothing_of_the_labfile(tmp_path):
    assert building(tmp_path, packages=["curl"]) == ()


@pytest.mark.parametrize(
    ("url", "origin", "asked"),
    [
        ("http://10.0.0.2:80/", "host", False),
        ("http://10.0.0.2:80/", "guest", False),
        ("http://127.0.0.1:631/", "host", True),
        ("http://10.0.0.1/", "host", True),
        ("http://localhost/", "host", True),
        ("http://127.0.0.1:631/", "guest", False),
    ],
)
def test_the_host_asks_no_address_but_those_of_the_labs_vms(tmp_path, url, origin, asked):
    web = {"image": "debian-12", "networks": ["front"], "ready": [{"http": url, "from": origin}]}
    lab = lab_of(tmp_path, {"web": web})
    found = host_reaches(lab, Sources(), allocated("10.0.0.0/24", "10.0.0.1", "10.0.0.2"), ())
    assert [(each.deed, each.subject) for each in found] == [(Deed.OPENS, url)] * asked


def test_where_the_host_is_not_on_the_network_its_own_routes_lead_to_somebody_else(tmp_path):
    url = "http://169.254.169.254/"
    web = {"image": "debian-12", "networks": ["front"], "ready": [{"http": url, "from": "host"}]}
    lab = lab_of(tmp_path, {"web": web}, front={"subnet": "169.254.169.0/24", "host": False})
    found = host_reaches(lab, Sources(), allocated("169.254.169.0/24", None, "169.254.169.254"), ())
    assert [each.subject for each in found] == [url]


def test_the_hosts_own_traffic_goes_into_no_lab_without_a_yes(tmp_path):
    routes = [{"to": "0.0.0.0/1", "via": "8.8.8.8"}, {"to": "8.8.8.128/25", "via": "8.8.8.8"}]
    lab = lab_of(tmp_path, {}, front={"subnet": "8.8.8.0/24", "routes": routes})
    found = host_reaches(lab, Sources(), allocated("8.8.8.0/24", "8.8.8.1"), ())
    assert [(each.deed, each.subject, each.field) for each in found] == [
        (Deed.OPENS, "8.8.8.0/24", "networks.front.subnet"),
        (Deed.OPENS, "0.0.0.0/1 via 8.8.8.8", "networks.front.routes[0]"),
    ]
    lab = lab_of(tmp_path, {}, front={"subnet": "10.0.0.0/24"})
    assert host_reaches(lab, Sources(), allocated("10.0.0.0/24", "10.0.0.1"), ()) == ()


def allocated(subnet: str, host: str | None, vm: str = "10.0.0.2") -> Allocation:
    """What labctl gave to the network `front`, and to the VM `web` there."""
    network = NetworkAddresses(IPv4Network(subnet), host4=IPv4Address(host) if host else None)
    return Allocation(
        {"front": network}, {("web", "front"): NicAddresses("52:54:00:00:00:01", IPv4Address(vm))}
    )


@pytest.mark.parametrize("network", [{"mode": "bridge", "bridge": "br0"}, {"external": "default"}])
def test_an_address_on_a_network_that_is_not_labctls_may_be_anybodys(tmp_path, network):
    """The Labfile may say that its VM has the router's address, a guest may report any."""
    ready = [{"http": "http://192.168.1.1/", "from": "host"}]
    web = {"image": "debian-12", "networks": ["front"], "ready": ready}
    lab = lab_of(tmp_path, {"web": web}, front=network)
    nic = NicAddresses("52:54:00:00:00:01", ip_address("192.168.1.1"), seen=(ip_address("192.168.1.1"),))
    found = host_reaches(lab, Sources(), Allocation(nics={("web", "front"): nic}), ())
    assert [each.subject for each in found] == ["http://192.168.1.1/"]


@pytest.mark.parametrize(
    "path",
    [
        "examples/Labfile.yaml",
        *(f"templates/labs/{each}/Labfile.yaml" for each in ("single", "pair", "cluster")),
    ],
)
def test_labctls_own_labs_reach_nothing(path):
    lab = load(str(Path(__file__).parents[3] / path)).lab
    assert image_reaches(lab, Sources()) == ()
    assert not any(each.xml for each in (*lab.vms, *lab.networks))


def test_a_guest_is_opened_to_other_machines_by_a_yes_alone(tmp_path):
    """By no forward on loopback, where the host's own users are."""
    forwards = ["8080:80", "127.0.0.9:8081:80", "[::1]:8082:80", "0.0.0.0:8083:80", "[::]:53:53/udp"]
    vms = {"web": {"image": "none", "networks": ["front"], "forwards": forwards}}
    found = host_reaches(lab_of(tmp_path, vms), Sources(), Allocation(), ())
    assert [(each.deed, each.subject, each.field) for each in found] == [
        (Deed.OPENS, "0.0.0.0:8083/tcp to web:80", "vms.web.forwards[3]"),
        (Deed.OPENS, "[::]:53/udp to web:53", "vms.web.forwards[4]"),
    ]


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"type": "virtiofs"}, True),
        ({"type": "9p"}, True),
        ({"type": "9p", "readonly": True}, False),
        ({}, False),
    ],
)
def test_a_guest_writes_to_the_labfiles_own_folder_by_a_yes_alone(tmp_path, options, asked):
    """Where the user may run what it writes; rsync only copies."""
    lab = lab_of(tmp_path, {"web": {"image": "none"}})
    spec = FolderSpec("shop", "web", "/srv", str(lab.folder), base="web", **options)
    found = host_reaches(lab, Sources(), Allocation(), [spec])
    expected = (Deed.WRITES, str(tmp_path / "lab"), "vms.web.folders")
    assert [(each.deed, each.subject, each.field) for each in found] == [expected] * asked
