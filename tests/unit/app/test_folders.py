"""What stands against folders is told before the first change."""

from types import SimpleNamespace

import pytest

from labctl.app import folders
from labctl.core.address import Address
from labctl.core.errors import UsageError
from labctl.core.planning import plan
from labctl.engine.folders import Sharing
from labctl.host.files.trees import Tree
from labctl.host.hosts import Hosts
from labctl.kinds.folder.spec import FolderSpec
from labctl.kinds.vm.spec import VmSpec
from labctl.labfile.load import load
from tests.madeup import MadeUpHost

ABLE = Sharing("", {})
NOT_YOURS = "with your own libvirt, rootless, what the guest's users write would not be yours"


@pytest.fixture
def told(lab_with_folder, hints, monkeypatch):
    monkeypatch.setattr(folders.command, "path", lambda _tool: "/usr/bin/rsync")

    def tell(kind, sharing=ABLE, *, local=True, login="10.0.0.2"):
        session = SimpleNamespace(lab=lab_with_folder, hosts=Hosts(MadeUpHost(local=local)))
        spec = FolderSpec("shop", "web", "/srv/app", "/home/me/app", kind, login=login, base="web")
        found = folders.problems(session, plan({spec.address: spec}, {}), sharing)
        hints.extend(each.hint for each in found)
        return [(each.path, each.summary.removeprefix("/srv/app: ")) for each in found]

    return tell


@pytest.fixture
def hints():
    """What helps against what `told` told."""
    return []


def test_what_can_be_done_is_none(told):
    assert told("virtiofs") == told("9p") == told("rsync") == told("rsync", local=False) == []


@pytest.mark.parametrize("kind", ["virtiofs", "9p"])
def test_no_guest_gets_the_keys_of_a_lab_by_a_mount(told, kind):
    sharing = Sharing("", {"/home/me/app": Tree("1f", keys=True)})
    assert told(kind, sharing) == [
        ("vms.web.folders", "/home/me/app has .labctl in it, whose keys its guest would get")
    ]
    assert told("rsync", sharing) == []


@pytest.mark.usefixtures("told")
def test_the_keys_count_before_they_are_made(tmp_path):
    path = tmp_path / "Labfile.yaml"
    path.write_text(
        "labfile: 1\nname: shop\nvms:\n  web:\n    image: debian-12\n"
        "    folders: [{source: ., target: /srv/a}, {source: app, target: /srv/b}]\n"
    )
    host = MadeUpHost(local=True, capabilities=SimpleNamespace(types=frozenset({"qemu"})))
    trees = folders.look(load(str(path)).lab, host).trees
    assert {source.name: tree.keys for source, tree in trees.items()} == {tmp_path.name: True, "app": False}


@pytest.mark.usefixtures("told")
def test_a_folder_that_a_guest_could_lead_elsewhere_is_told_at_its_field(tmp_path):
    session = SimpleNamespace(lab=load(str(tmp_path / "Labfile.yaml")).lab)
    writer = FolderSpec("shop", "db", "/srv/s", "/lab/s", "virtiofs", base="db")
    below = FolderSpec("shop", "web", "/srv/a", "/lab/s/a", "rsync", base="web")
    wanted = {each.address: each for each in (writer, below)}
    (told,) = folders.led_elsewhere(session, wanted, {})
    assert told.path == "vms.web.folders"
    assert told.summary == "/srv/a: db may write to /lab/s, and so put links on the way of /lab/s/a"
    assert folders.led_elsewhere(session, {below.address: below}, wanted)
    assert not folders.led_elsewhere(session, {below.address: below}, {})


@pytest.mark.parametrize("kind", ["virtiofs", "9p"])
def test_no_folder_of_another_machine_is_shared(told, kind):
    ((_, summary),) = told(kind, Sharing("the libvirt host is another machine", {}), local=False)
    assert "of the other machine" in summary


def test_a_host_without_virtiofsd_says_so(told, hints):
    sharing = Sharing("this host has no virtiofsd", {})
    assert told("virtiofs", sharing) == [("vms.web.folders", "no virtiofs: this host has no virtiofsd")]
    assert hints == [f"type: rsync; or {folders.distribution().virtiofsd}"]


@pytest.mark.parametrize("why", [NOT_YOURS, "an ordinary user's libvirt has no virtiofs"])
def test_no_program_is_to_be_installed_that_would_not_help(told, hints, why):
    assert told("virtiofs", Sharing(why, {})) == [("vms.web.folders", f"no virtiofs: {why}")]
    assert hints == ["type: rsync"]


def test_rsync_needs_a_program_and_no_network(told, monkeypatch):
    assert told("rsync", login="") == []
    monkeypatch.setattr(folders.command, "path", lambda _tool: None)
    assert told("rsync") == [("vms.web.folders", "there is no rsync on this machine")]


@pytest.mark.parametrize(
    ("uri", "inside", "why"),
    [
        ("qemu:///system", False, ""),
        ("qemu:///system", True, NOT_YOURS),
        ("qemu:///session", False, "an ordinary user's libvirt has no virtiofs"),
        ("qemu+ssh://there/system", False, "the libvirt host is another machine"),
        ("test:///default", False, "the libvirt host runs no QEMU"),
    ],
)
@pytest.mark.usefixtures("told")
def test_who_can_serve_virtiofs(monkeypatch, tmp_path, uri, inside, why):
    monkeypatch.setattr(folders.virtiofsd, "find", lambda: "/usr/lib/qemu/virtiofsd")
    able = SimpleNamespace(types=frozenset({uri.partition(":")[0]}))
    host = MadeUpHost(uri=uri, local="+ssh" not in uri, inside=inside, capabilities=able)
    lab = load(str(tmp_path / "Labfile.yaml")).lab
    sharing = folders.look(lab, host)
    assert sharing.without_virtiofs == why
    assert list(sharing.trees) == [tmp_path / "app"]


def test_a_lab_without_folders_asks_nothing():
    assert folders.look(SimpleNamespace(vms=()), None) is None


def test_only_what_rsync_copied_before_is_synced():
    copied = FolderSpec("shop", "web-1", "/srv/a", "/x", content="1", base="web")
    changed = FolderSpec("shop", "web-1", "/srv/a", "/x", content="2", base="web")
    mounted = FolderSpec("shop", "web-1", "/srv/b", "/y", "virtiofs", base="web")
    new = FolderSpec("shop", "web-1", "/srv/c", "/z", base="web")
    vms = (VmSpec("shop", "web-1", base="web"), VmSpec("shop", "db", base="db"))
    wanted = {each.address: each for each in (changed, mounted, new, *vms)}
    existing = {copied.address: copied}
    for names in ((), ("web",), ("web-1",)):
        assert folders.copied(names)(wanted, existing) == {Address("folder", "web-1/srv/a"): changed}
    assert folders.copied(("db",))(wanted, existing) == existing
    with pytest.raises(UsageError, match="no VM is called wbe") as caught:
        folders.copied(("wbe",))(wanted, existing)
    assert caught.value.hint == "did you mean web?"


def test_only_folders_that_are_copied_are_watched(tmp_path, monkeypatch):
    monkeypatch.setattr(folders.virtiofsd, "find", lambda: "/usr/lib/qemu/virtiofsd")
    for name in ("live", "copied"):
        (tmp_path / name).mkdir()
    path = tmp_path / "Labfile.yaml"
    path.write_text(
        "labfile: 1\nname: shop\nvms:\n  web:\n    image: debian-12\n    folders:\n"
        "    - {source: live, target: /srv/a}\n    - {source: copied, target: /srv/b, exclude: [x]}\n"
    )
    host = MadeUpHost(local=True, capabilities=SimpleNamespace(types=frozenset({"qemu"})))
    session = SimpleNamespace(lab=load(str(path)).lab, hosts=Hosts(host))
    assert folders.copied_sources(session) == [tmp_path / "copied"]
