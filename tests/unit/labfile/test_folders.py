"""Folders of the host in a Labfile."""

import pytest

from labctl.core.errors import Rejected
from labctl.labfile.context import FOLDER_READ, FOLDER_WRITE
from tests.unit.labfile.labfiles import loaded

WEB = "vms: {{web: {{image: debian-12, folders: [{}]}}}}\n"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "lab"
    (made / "app").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    (made / "out").symlink_to("../mine")
    return made


def summaries(folder, entries):
    return refused(folder, WEB.format(entries))


def refused(folder, text):
    with pytest.raises(Rejected) as caught:
        loaded(folder, text)
    return [each.summary for each in caught.value.problems]


def test_a_source_is_relative_to_the_labfile(folder):
    (one,) = loaded(folder, WEB.format("{source: app, target: /srv/app/}")).lab.vms[0].folders
    assert (one.source, one.target, one.type) == (folder / "app", "/srv/app", "auto")


def test_a_link_is_followed_when_the_labfile_is_read_and_not_again(folder):
    (folder / "link").symlink_to("app")
    (one,) = loaded(folder, WEB.format("{source: link, target: /srv/app/}")).lab.vms[0].folders
    assert one.source == folder / "app"


def test_layers_append(folder):
    text = "defaults: {folders: [{source: app, target: /srv/a}]}\n"
    lab = loaded(folder, text + WEB.format("{source: ., target: /srv/b}")).lab
    assert [each.target for each in lab.vms[0].folders] == ["/srv/a", "/srv/b"]


@pytest.mark.parametrize("source", ["../mine", "out", "{outside}"])
@pytest.mark.parametrize(
    ("options", "given"),
    [
        ("", FOLDER_WRITE),
        (", readonly: true", FOLDER_READ),
        (", type: rsync", FOLDER_READ),
        (", type: 9p", FOLDER_WRITE),
    ],
)
def test_a_folder_from_outside_needs_a_yes_for_what_a_guest_may_do_with_it(folder, source, options, given):
    path = source.format(outside=folder.parent / "mine")
    lab = loaded(folder, WEB.format(f"{{source: {path}, target: /srv/app{options}}}")).lab
    (reach,) = lab.outside.values()
    assert (reach.subject, reach.content) == (str(folder.parent / "mine"), given)
    assert reach.reason.startswith(("a folder from outside", "a link leads out"))


def test_a_yes_to_read_is_none_to_write(folder):
    entries = "{source: ../mine, target: /srv/a, readonly: true}, {source: ../mine, target: /srv/b}"
    (reach,) = loaded(folder, WEB.format(entries)).lab.outside.values()
    assert reach.content == FOLDER_WRITE


@pytest.mark.parametrize("first", ["provision", "folders"])
def test_what_a_step_copies_and_a_guest_mounts_is_asked_for_as_the_folder(folder, first):
    parts = {
        "folders": "folders: [{source: ../mine, target: /srv/b}]",
        "provision": "provision: [{copy: {source: ../mine, target: /srv}}]",
    }
    both = ", ".join([parts.pop(first), *parts.values()])
    (reach,) = loaded(folder, f"vms: {{web: {{image: debian-12, {both}}}}}").lab.outside.values()
    assert reach.content == FOLDER_WRITE


def test_a_folder_within_the_labfiles_needs_none(folder):
    assert not loaded(folder, WEB.format("{source: ., target: /srv/app}")).lab.outside


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nowhere", "nowhere: there is no such folder"),
        ("Labfile.yaml", "Labfile.yaml: this is no folder"),
        ("/", "/: this is no folder that can be shared"),
        ("/proc", "/proc: this is no folder that can be shared"),
        ("/dev/shm", "/dev/shm: this is no folder that can be shared"),
    ],
)
def test_what_is_no_folder_is_told(folder, source, told):
    assert summaries(folder, f"{{source: {source}, target: /srv/app}}") == [told]


@pytest.mark.parametrize("target", ["/", "/etc", "/usr/", "/home", "/home/lab"])
def test_what_a_guest_lives_of_is_no_target(folder, target):
    (told,) = summaries(folder, f"{{source: app, target: {target}}}")
    assert told.endswith("is the guest's own: what it has there would be gone")


@pytest.mark.parametrize("target", ["/srv/../etc", "/srv//app", "/./srv"])
def test_a_target_is_plain(folder, target):
    (told,) = summaries(folder, f"{{source: app, target: {target}}}")
    assert told.endswith("has a part that is empty, . or ..")


def test_a_target_is_absolute_and_on_one_line(folder):
    assert len(summaries(folder, "{source: app, target: srv/app}")) == 1
    assert len(summaries(folder, '{source: app, target: "/srv/a\\nb"}')) == 1


def test_two_targets_are_apart(folder):
    found = summaries(folder, "{source: app, target: /srv/a}, {source: ., target: /srv/a}")
    assert found == ["two folders have the target /srv/a"]
    found = summaries(folder, "{source: app, target: /srv/a}, {source: ., target: /srv/a/b}")
    assert found == ["the targets /srv/a and /srv/a/b lie in one another"]


def test_what_only_rsync_can_is_told_of_the_others(folder):
    found = summaries(folder, "{source: app, target: /srv/a, type: virtiofs, owner: web, exclude: [x]}")
    assert found == [
        "owner does not go with virtiofs: only rsync can give files another owner",
        "exclude does not go with virtiofs: only rsync can leave files out",
    ]


def test_virtiofs_is_never_read_only(folder):
    found = summaries(folder, "{source: app, target: /srv/a, type: virtiofs, readonly: true}")
    assert found == ["libvirt can't hold a guest off from writing by virtiofs"]


def test_a_vm_without_cloud_init_has_none(folder):
    text = "vms: {web: {image: none, folders: [{source: app, target: /srv/a}]}}\n"
    (told,) = refused(folder, text)
    assert told == "nothing in a VM without cloud-init can mount or receive them"
