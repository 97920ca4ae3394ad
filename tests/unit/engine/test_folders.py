"""How a folder gets into its guest."""

from pathlib import Path

import pytest

from labctl.core.address import Address
from labctl.engine.folders import Sharing, chosen, led_astray
from labctl.host.files.trees import Tree
from labctl.kinds.folder.spec import FolderSpec
from labctl.labfile.model import Folder
from tests.composed import specs

SOURCE = Path("/home/me/app")
ABLE = Sharing("", {SOURCE: Tree("1f", keys=False)})


def test_virtiofs_is_chosen_where_the_host_can():
    assert chosen(Folder(SOURCE, "/srv/app"), ABLE) == ("virtiofs", "the host can")


@pytest.mark.parametrize(
    ("options", "sharing"),
    [
        ({"exclude": ("*.o",)}, ABLE),
        ({"owner": "web"}, ABLE),
        ({"readonly": True}, ABLE),
        ({}, Sharing("", {SOURCE: Tree("1f", keys=True)})),
        ({}, Sharing("this host has no virtiofsd", {})),
    ],
)
def test_else_rsync_and_it_is_told_why(options, sharing):
    kind, why = chosen(Folder(SOURCE, "/srv/app", **options), sharing)
    assert kind == "rsync"
    assert why.startswith("a copy, since ")


def test_what_is_written_is_taken():
    assert chosen(Folder(SOURCE, "/srv/app", "9p"), ABLE) == ("9p", "as the Labfile says")


def folder(vm, source, kind="virtiofs", **options):
    return FolderSpec("shop", vm, f"/srv{source}", source, kind, base=vm, **options)


def astray(wanted, existing=()):
    return [(str(each.address), writer.source) for each, writer in led_astray(wanted, existing)]


@pytest.mark.parametrize("kind", ["virtiofs", "9p", "rsync"])
@pytest.mark.parametrize("vm", ["db", "web"])
def test_no_folder_lies_in_one_that_a_guest_may_write_to(vm, kind):
    for writer in (folder("web", "/lab/s"), folder("web", "/lab/s", "9p")):
        below = folder(vm, "/lab/s/sub/deeper", kind)
        assert (str(below.address), "/lab/s") in astray([writer, below])
        assert astray([below], [writer]) == [(str(below.address), "/lab/s")]


def test_no_folder_is_copied_while_a_guest_may_put_links_into_it():
    copied = folder("db", "/lab", "rsync")
    assert astray([folder("web", "/lab/s"), copied]) == [("folder/db/srv/lab", "/lab/s")]
    same = folder("db", "/lab/s", "rsync")
    assert astray([folder("web", "/lab/s"), same]) == [("folder/db/srv/lab/s", "/lab/s")]
    assert not astray([same], [folder("web", "/lab/s")])  # a mount that becomes a copy


def test_folders_apart_and_the_same_one_are_no_way_out():
    assert not astray([folder("web", "/lab/s"), folder("db", "/lab/s"), folder("c", "/lab/sub")])
    assert not astray([folder("web", "/lab/s", "9p", readonly=True), folder("db", "/lab/s/sub", "rsync")])
    assert not astray([folder("web", "/lab/s", "rsync"), folder("db", "/lab/s/sub")][:1])


def lab(**vm):
    folders = [
        {"source": "/usr/share", "target": "/srv/a"},
        {"source": "/usr/lib", "target": "/srv/b", "type": "rsync"},
    ]
    return specs(
        {
            "networks": {
                "front": {"subnet": "10.0.1.0/24"},
                "wire": {"host": False, "subnet": "10.0.2.0/24"},
            },
            "vms": {"web": {"image": "debian-12", "networks": ["front"], "folders": folders, **vm}},
        }
    )


def test_a_vm_has_a_device_for_each_that_is_mounted_and_waits_for_all():
    vm = lab()[Address("vm", "web")]
    assert [use.source for use in vm.filesystems] == ["/usr/share"]
    assert vm.folders == ("/srv/a", "/srv/b")


def test_rsync_logs_in_where_the_host_reaches_the_vm():
    assert lab()[Address("folder", "web/srv/b")].login == "10.0.1.2"
    for unreached in (["wire"], [{"name": "front", "link": "down"}]):
        assert lab(networks=unreached)[Address("folder", "web/srv/b")].login == ""


def test_a_copy_is_the_users_of_the_vm():
    found = lab(user="ada")
    assert found[Address("folder", "web/srv/b")].chown == "ada"
    assert found[Address("folder", "web/srv/a")].chown == ""


def test_a_vm_that_is_to_be_off_has_none():
    assert not [address for address in lab(state="off") if address.kind == "folder"]
