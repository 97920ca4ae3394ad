"""What `copy` is asked for, and what it does then."""

from contextlib import asynccontextmanager

import pytest

from labctl.app import copy_files, transport
from labctl.app.copy_files import Copy, asked
from labctl.core.errors import LabctlError, UsageError
from labctl.core.record import replace
from tests.unit.host.access.test_copying import Here
from tests.unit.overviews import seen, vm


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "a:b").write_text("a")
    (tmp_path / "note").write_text("n")


@pytest.mark.parametrize(
    ("words", "copy"),
    [
        ("site web:/srv", Copy("web", ("site",), "/srv", into=True)),
        ("site note web:", Copy("web", ("site", "note"), "", into=True)),
        ("./a:b web-1:x:y", Copy("web-1", ("./a:b",), "x:y", into=True)),
        ("web:/etc/hosts .", Copy("web", ("/etc/hosts",), ".", into=False)),
        ("web:a web:b site/", Copy("web", ("a", "b"), "site/", into=False)),
        ("web:a new", Copy("web", ("a",), "new", into=False)),
    ],
)
def test_which_side_is_in_a_vm(words, copy):
    assert asked(words.split()) == copy


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("site", "what is to be copied, and where to?"),
        ("site note", "one side is in a VM, the other one here"),
        ("web:a db:b", "one side is in a VM"),
        ("web:a db:b .", "one side is in a VM"),
        ("web:a site .", "one side is in a VM"),
        ("site web:a db:b", "one side is in a VM"),
        ("gone lost web:", "there is no gone here\nthere is no lost here"),
        ("web:a web:b note", "there is no folder note here"),
        ("web:a new/", "there is no folder new/ here"),
        ("web:a nowhere/new", "there is no folder nowhere here"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_copied(words, why):
    with pytest.raises(UsageError) as caught:
        asked(words.split())
    assert caught.value.summary.startswith(why)


@pytest.fixture
def guest(tmp_path, monkeypatch):
    home = tmp_path / "guest"
    home.mkdir()
    guest = Here(home)

    @asynccontextmanager
    async def opened(*_arguments):
        yield guest

    monkeypatch.setattr(transport, "opened", opened)
    seen(monkeypatch, vm("db", user="me"))
    return guest


def copy(session, *words, **options):
    told = []
    wanted = replace(asked(words), **options)
    return copy_files.copy(session, wanted, lambda *each: told.append(each), told.append).result(), told


def test_several_sources_go_into_a_folder_that_exists(session, guest, tmp_path):
    (guest.home / "there").mkdir()
    assert copy(session, "site", "note", "db:there")[0] == ()
    assert sorted(each.name for each in (guest.home / "there").iterdir()) == ["note", "site"]
    for target in ("gone", "there/note"):
        with pytest.raises(LabctlError, match="vm/db: can't copy site"):
            copy(session, "site", "note", f"db:{target}")
    assert guest.users == ["me"] * 4


def test_what_a_vm_sends_is_bounded_and_told_of(session, guest, tmp_path):
    (guest.home / "big").write_bytes(bytes(5000))
    (guest.home / "out").mkdir()
    (guest.home / "out" / "link").symlink_to("/etc")
    left_out, told = copy(session, "db:big", "db:out", "site", user="root")
    assert left_out == ("link",)
    assert ("big", 5000, 5000) in told
    assert guest.users == ["root", "root"]
    with pytest.raises(LabctlError, match="the guest sends more than 4KiB") as error:
        copy(session, "db:big", ".", limit_bytes=4096)
    assert "--limit" in error.value.hint
