"""The files beside a Labfile: a killed `destroy` leaves none for good, and what a stranger put there is no way out."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from labctl.app import change
from labctl.app.status import status
from labctl.core.errors import LabctlError
from labctl.core.events import Diagnostic
from labctl.host.access.keys import Keys
from labctl.host.files.lab_folder import LabFolder
from labctl.host.host import Host
from labctl.host.machine import lock
from tests.libvirt.calls import seen_by
from tests.libvirt.conftest import NODE, World

LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false, state: off}
networks: {front: {subnet: 10.90.0.0/24}, back: {mode: isolated}}
vms: {web: {networks: [front]}}
"""
ONLY_NETWORKS = "labfile: 1\nname: shop\nnetworks: {front: {subnet: 10.90.0.0/24}}\n"
ASKS = (
    "lookup",
    "list",
    "get",
    "XMLDesc",
    "info",
    "is",
    "num",
    "ID",
    "autostart",
    "domain",
    "metadata",
    "has",
)


class Killed(Exception):
    """What a change meets at the moment of the kill, and most of those after it: nothing of it happens."""


class Kills:
    """Counts the changes that labctl makes to libvirt and to local files, and stops them at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changes, self.at, self.alone = 0, None, False
        seen_by(self._asked, monkeypatch)
        for name in ("unlink", "rmdir", "rename", "replace"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _asked(self, name: str, _thing: object, call: Callable[[], object]) -> object:
        return call() if name.rpartition(".")[2].startswith(ASKS) else self._change(call)

    def _counted(self, real: Callable[..., object]) -> Callable[..., object]:
        return lambda *arguments, **options: self._change(lambda: real(*arguments, **options))

    def _change(self, call: Callable[[], object]) -> object:
        self.changes += 1
        if self.at is not None and (self.changes == self.at or (self.changes > self.at and not self.alone)):
            raise Killed
        return call()

    @contextmanager
    def at_change(self, number: int | None, *, alone: bool = False) -> Iterator[None]:
        """`alone`: what was asked of libvirt at the same time still happens."""
        self.changes, self.at, self.alone = 0, number, alone
        with suppress(Killed):
            yield
        self.at = None


def made(folder: Path, text: str) -> World:
    folder.mkdir()
    world = World(folder, Host(NODE), text)
    assert world.run() == 0, world.failures()
    keys = world.session().keys
    keys.host("web")
    keys.login_public()
    assert (folder / ".labctl/shop/host-keys/web").exists()
    return world


@pytest.mark.parametrize("alone", [False, True], ids=["all stops", "others go on"])
@pytest.mark.parametrize("text", [LABFILE, ONLY_NETWORKS], ids=["a lab", "networks alone"])
def test_the_next_destroy_removes_what_a_killed_one_left(tmp_path, monkeypatch, text, alone):
    """Killed before each of its changes."""
    kills = Kills(monkeypatch)
    world = made(tmp_path / "whole", text)
    with kills.at_change(None):
        assert world.run(change.destroy) == 0, world.failures()
    assert not (world.folder / ".labctl").exists()
    world.host.close()
    count = kills.changes
    assert count > 8
    for number in range(1, count + 1):
        world = made(tmp_path / str(number), text)
        with kills.at_change(number, alone=alone):
            world.run(change.destroy)
        assert world.run(change.destroy) == 0, (number, world.failures())
        assert world.everything() == set(), number
        assert not (world.folder / ".labctl").exists(), number
        world.host.close()


def full(_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "rename", refused)


def another_users(folder: Path, _monkeypatch: object) -> None:
    Keys(LabFolder(folder, "documents")).keep_secret(b"x")
    for path in (folder / ".labctl", *(folder / ".labctl").rglob("*")):
        os.chown(path, 54321, 54321)


PLANTED = {  # what is at `.labctl`, and what is told of it
    "a link": (lambda folder, _: (folder / ".labctl").symlink_to("../.."), "it is a link to ../.."),
    "a file": (lambda folder, _: (folder / ".labctl").touch(), "it is a file, not a folder"),
    "a FIFO": (lambda folder, _: os.mkfifo(folder / ".labctl"), "it is a FIFO, not a folder"),
    "another's": (another_users, "it is uid 54321's"),
    "full": (full, "no space left"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_strangers_folder_is_told_plainly_and_nothing_is_taken_for_it(tmp_path, monkeypatch, planted):
    """With `.labctl -> ../..`, a lab called `documents` would be the folder `documents` two folders up."""
    documents = tmp_path / "documents"
    documents.mkdir(mode=0o755)
    (documents / "letter.txt").write_text("dear")
    (tmp_path / "work/project").mkdir(parents=True)
    world = World(tmp_path / "work/project", Host(NODE), LABFILE.replace("name: shop", "name: documents"))
    plant, told = PLANTED[planted]
    plant(world.folder, monkeypatch)
    with pytest.raises(LabctlError, match=told):
        world.run()
    assert world.everything() == set(), "it is told before the first change"
    status(world.session())
    assert world.run(change.destroy) == 0
    warnings = [event.summary for event in world.events if isinstance(event, Diagnostic)]
    assert len(warnings) == (0 if planted == "full" else 1)
    assert all(told in warning for warning in warnings)
    assert (documents / "letter.txt").read_text() == "dear"
    assert documents.stat().st_mode & 0o777 == 0o755
    world.host.close()


def test_where_other_users_are_not_excluded_that_is_said(tmp_path, monkeypatch):
    """Once, by a run that changes something."""
    monkeypatch.setattr(lock, "SHARED", tmp_path / "missing")
    world = World(tmp_path, Host(NODE), LABFILE)
    for told in (1, 0):
        assert world.run() == 0
        notes = [event.summary for event in world.events if isinstance(event, Diagnostic)]
        assert len([each for each in notes if "labctls of other users" in each]) == told
    world.host.close()
