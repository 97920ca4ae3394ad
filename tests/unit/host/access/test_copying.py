"""Files and folders come and go; a shell of this machine takes the guest's place."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access import copying
from labctl.host.access.transport import Transport

TOOLS = ("cat", "chmod", "mkdir", "mktemp", "mv", "rm", "sh", "stat", "tar", "wc")


class Here(Transport):
    """Runs commands on this machine, in a home of their own, with the tools of a kind of guest."""

    def __init__(self, home: Path, tools: str = "") -> None:
        self.home, self.path = home, tools or os.environ["PATH"]
        self.users: list[str] = []

    async def _execute(self, text, user, stdin, captured):
        self.users.append(user)
        said = b""
        while stdin and (piece := await stdin.read(65536)):
            said += piece
        done = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-c", text],
            cwd=self.home,
            env={"PATH": self.path},
            input=said,
            capture_output=True,
            check=False,
        )
        for start in range(0, len(done.stdout), 65536):
            captured.write("stdout", done.stdout[start : start + 65536])
        captured.write("stderr", done.stderr)
        return done.returncode


class Hostile(Transport):
    """A guest that sends what it likes."""

    def __init__(self, sent: bytes) -> None:
        self.sent = sent

    async def _execute(self, _text, _user, _stdin, captured):
        captured.write("stdout", self.sent)
        return 0


@pytest.fixture(params=["coreutils", "busybox"])
def guest(request, tmp_path):
    home = tmp_path / "guest"
    home.mkdir()
    if request.param == "coreutils":
        return Here(home)
    tools = tmp_path / "tools"
    tools.mkdir()
    for each in TOOLS:
        (tools / each).symlink_to("/usr/bin/busybox")
    return Here(home, str(tools))


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def put(guest, source, target, **options):
    asyncio.run(copying.put(guest, source, target, **options))


def get(guest, source, target, limit_bytes=1 << 30, **options):
    return asyncio.run(copying.get(guest, source, target, limit_bytes=limit_bytes, **options))


def tree(root: Path) -> dict[str, object]:
    """What is in a folder: modes, contents, and what links lead to."""
    found = {}
    for path in sorted([root, *root.rglob("*")]):
        mode = oct(path.lstat().st_mode & 0o777)
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[str(path.relative_to(root))] = content if path.is_symlink() else (mode, content)
    return found


def site(folder: Path) -> Path:
    """A folder with all that folders may have."""
    root = folder / "my site"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o700)
    (root / "page").write_bytes(os.urandom(300_000))
    (root / "run.sh").write_text("true\n")
    (root / "run.sh").chmod(0o751)
    (root / "deep" / "er" / ("long" * 50)).write_text("x")
    (root / "deep" / "up").symlink_to("../page")
    (root / "deep" / "same").hardlink_to(root / "page")
    (root / b"caf\xe9".decode(errors="surrogateescape")).write_text("Latin-1")
    (root / "deep").chmod(0o750)
    root.chmod(0o711)
    return root


def test_a_file_goes_there_and_back_with_its_mode(guest, here):
    (here / "it's").write_bytes(content := os.urandom(700_000))
    (here / "it's").chmod(0o640)
    put(guest, here / "it's", "copy")
    put(guest, here / "it's", "other", mode=0o600)
    assert (guest.home / "copy").read_bytes() == content
    assert (guest.home / "copy").stat().st_mode & 0o777 == 0o640
    assert (guest.home / "other").stat().st_mode & 0o777 == 0o600
    get(guest, "copy", here / "back", user="lab")
    assert (here / "back").read_bytes() == content
    assert (here / "back").stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in here.iterdir()) == ["back", "it's"]
    assert sorted(each.name for each in guest.home.iterdir()) == ["copy", "other"]
    assert guest.users == ["root", "root", "lab"]


def test_a_folder_goes_there_and_back_as_it_is(guest, here):
    source = site(here)
    put(guest, source, "copy")
    assert tree(guest.home / "copy") == tree(source)
    assert get(guest, "copy", here / "back") == ()
    assert tree(here / "back") == tree(source)
    assert sorted(each.name for each in here.iterdir()) == ["back", "my site"]


def test_relative_paths_are_those_of_the_folder_that_one_is_in(guest, here, monkeypatch):
    source = site(here)
    monkeypatch.chdir(here)
    for given, target in (("my site", "one"), ("./my site/", "two"), ("my site/../my site", "three")):
        put(guest, Path(given), target)
        get(guest, target, Path(target))
        assert tree(here / target) == tree(guest.home / target) == tree(source)


def test_what_is_copied_to_a_folder_that_exists_lands_in_it(guest, here):
    source = site(here)
    (here / "note").write_text("a")
    (guest.home / "there").mkdir()
    for target in ("there", "there/"):
        put(guest, source, target)
        put(guest, here / "note", target)
        assert sorted(each.name for each in (guest.home / "there").iterdir()) == ["my site", "note"]
        assert tree(guest.home / "there" / "my site") == tree(source)
    (here / "back").mkdir()
    for _ in range(2):  # what is there already is written over
        get(guest, "there/my site/", here / "back")
        get(guest, "there/note", here / "back")
        assert tree(here / "back" / "my site") == tree(source)
    assert (here / "back" / "note").read_text() == "a"


def test_a_link_that_is_named_stands_for_what_it_leads_to(guest, here):
    (here / "real").write_text("a")
    (here / "link").symlink_to("real")
    put(guest, here / "link", "copy")
    assert (guest.home / "copy").read_text() == "a"
    (guest.home / "alias").symlink_to("copy")
    get(guest, "alias", here / "back")
    assert not (here / "back").is_symlink()
    assert (here / "back").read_text() == "a"


def test_odd_names_are_names(guest, here):
    for name in ("-rf", "$(touch x)", "a\nb"):
        (here / name).write_text(name)
        put(guest, here / name, ".")
        put(guest, here / name, f"~/{name}2")
        get(guest, name, here / "back")
        assert (here / "back").read_text() == (guest.home / f"{name}2").read_text() == name
    assert not (guest.home / "x").exists()


def test_what_can_t_be_copied_says_why_and_leaves_nothing(guest, here):
    (here / "note").write_text("a")
    (here / "site").mkdir()
    os.mkfifo(here / "site" / "pipe")
    (guest.home / "folder" / "note").mkdir(parents=True)
    os.mkfifo(guest.home / "pipe")
    before = sorted(guest.home.rglob("*"))
    for source, target, why in (
        ("note", "nowhere/note", "can't copy .*note to nowhere/note in the guest: .*[Nn]o such"),
        ("note", "nowhere/", "there is no folder nowhere"),
        ("note", "folder", "folder/note is a folder"),
        ("note", "pipe", "pipe is no file"),
        ("site", "copy", "neither a file nor a folder nor a link"),
        ("gone", "copy", "can't read it"),
    ):
        with pytest.raises(LabctlError, match=why):
            put(guest, here / source, target)
    assert sorted(guest.home.rglob("*")) == before
    for source, target, why in (
        ("gone", "back", "can't copy gone from the guest: there is no such file"),
        ("pipe", "back", "neither a file nor a folder"),
        ("folder", "nowhere/back", "there is no such folder"),
        ("/", ".", "/ has no name that it could have here"),
    ):
        with pytest.raises(LabctlError, match=why):
            get(guest, source, here / target)
    assert sorted(each.name for each in here.iterdir()) == ["note", "site"]


def test_a_file_that_does_not_arrive_whole_leaves_the_old_one(guest, here, monkeypatch):
    (here / "note").write_bytes(b"new" * 100_000)
    (guest.home / "note").write_text("old")
    monkeypatch.setattr(copying.archive, "content", lambda *_: iter([b"new"]))
    with pytest.raises(LabctlError, match="not all of it arrived"):
        put(guest, here / "note", "note")
    assert [each.read_text() for each in guest.home.iterdir()] == ["old"]


def test_progress_is_told(guest, here):
    (here / "note").write_bytes(bytes(600_000))
    told = []
    put(guest, here / "note", "note", progress=lambda done, of: told.append((done, of)))
    assert told == sorted(told)
    assert told[-1] == (600_000, 600_000)
    get(guest, "note", here / "back", progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (600_000, 600_000)


def test_a_guest_s_file_is_not_written_through_a_link(guest, here):
    (here / "precious").write_text("mine")
    (here / "link").symlink_to("precious")
    (guest.home / "note").write_text("theirs")
    (guest.home / "folder").mkdir()
    for source in ("note", "folder"):
        with pytest.raises(LabctlError, match="labctl does not write there"):
            get(guest, source, here / "link")
    assert (here / "precious").read_text() == "mine"
    assert (here / "link").is_symlink()


def test_no_more_is_taken_from_a_guest_than_the_limit(guest, here):
    (guest.home / "big").write_bytes(bytes(200_000))
    (guest.home / "folder").mkdir()
    (guest.home / "folder" / "big").write_bytes(bytes(200_000))
    for source in ("big", "folder"):
        with pytest.raises(LabctlError, match="sends more than 100KiB"):
            get(guest, source, here / "back", limit_bytes=100 << 10)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("sent", [b"", b"x" * 100, b"folder\n", b"device 644 0\n", b"file 644 -1\nx"])
def test_a_guest_that_does_not_say_what_it_sends_is_an_error(here, sent):
    with pytest.raises(LabctlError, match="did not say what it sends"):
        get(Hostile(sent), "note", here / "back")
    assert list(here.iterdir()) == []


def test_a_guest_s_mode_gives_nobody_special_rights(here):
    get(Hostile(b"file 6755 1\nx"), "note", here / "back")
    assert (here / "back").stat().st_mode & 0o7777 == 0o755


def test_a_copy_that_is_ended_leaves_nothing(here):
    async def check():
        begun = asyncio.Event()

        class Slow(Transport):
            async def _execute(self, _text, _user, _stdin, captured):
                captured.write("stdout", b"file 644 9\nhalf")
                begun.set()
                await asyncio.Event().wait()
                return 0

        task = asyncio.create_task(copying.get(Slow(), "note", here / "back", limit_bytes=100))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(check())
    assert list(here.iterdir()) == []
