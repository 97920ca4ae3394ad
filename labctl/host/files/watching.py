"""Notices when files change, by the file system's own notifications."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from watchdog.events import (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from labctl.core.errors import LabctlError
from labctl.host.files import os_errors, played_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from watchdog.observers.api import ObservedWatch

# not those of reading, which labctl itself does
_CHANGES = (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
)
_NONE: Mapping[Path, Iterable[Path]] = MappingProxyType({})
_HINTS = {
    errno.ENOSPC: "more may be with `sysctl fs.inotify.max_user_watches=524288`, as root",
    errno.EMFILE: "more may be with `sysctl fs.inotify.max_user_instances=1024`, as root",
}


class Watcher(FileSystemEventHandler):
    """Calls `changed` with each path that changes of those that are watched, from threads of its own.

    Files need not exist. What is watched are their folders, since editors write a new file and give it the old name.
    """

    def __init__(self, changed: Callable[[Path], object], ignored: Collection[str] = ()) -> None:
        """`ignored` are names of files and folders that are nothing to tell of below the folders that are watched."""
        self._changed, self._ignored = changed, frozenset(ignored)
        self._observer = Observer()
        # by path, inode, and whether with all below
        self._folders: dict[tuple[Path, int, bool], ObservedWatch] = {}
        self._names: frozenset[Path] = frozenset()
        self._roots: tuple[Path, ...] = ()  # the folders among the files
        self._trees: tuple[Path, ...] = ()
        self._played: tuple[tuple[Path, frozenset[str]], ...] = ()  # folders, and what does not count in them

    def __enter__(self) -> Self:
        with _limits():
            self._observer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._observer.stop()

    def watch(
        self,
        files: Iterable[Path],
        trees: Iterable[Path] = (),
        played: Mapping[Path, Iterable[Path]] = _NONE,
    ) -> None:
        """Watch these files, and all that is in these folders, and nothing else any more.

        A folder among the files is watched with all that is in it. Folders of playbooks (`played`), each with what does
        not count in it, are watched as `played_folder` has them.

        Raises:
            LabctlError: the system does not let so many be watched.
        """
        names: set[Path] = set()
        wanted: set[tuple[Path, int, bool]] = set()
        paths = tuple(files)
        for path in paths:
            # a link, and what it leads to
            for target in {Path(os.path.realpath(path.parent), path.name), Path(os.path.realpath(path))}:
                folder = _existing(target.parent)
                wanted.add((folder, _inode(folder), False))
                names |= {target, *_between(folder, target)}
        self._roots = tuple(Path(os.path.realpath(path)) for path in paths if path.is_dir())
        self._trees = tuple(Path(os.path.realpath(tree)) for tree in trees if tree.is_dir())
        self._played = tuple(
            (Path(os.path.realpath(each)), frozenset(map(os.path.realpath, without)))
            for each, without in played.items()
            if each.is_dir()
        )
        whole = (*self._roots, *self._trees, *(each for each, _ in self._played))
        wanted |= {(tree, _inode(tree), True) for tree in whole}
        self._names = frozenset(names)
        for gone in self._folders.keys() - wanted:
            self._observer.unschedule(self._folders.pop(gone))
        for new in wanted - self._folders.keys():
            with _limits():
                self._folders[new] = self._observer.schedule(self, str(new[0]), recursive=new[2])

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, from a thread of its own."""
        if event.event_type not in _CHANGES or (
            event.is_directory and event.event_type == EVENT_TYPE_MODIFIED
        ):
            return
        for text in (event.src_path, event.dest_path):
            path = Path(os.fsdecode(text))  # empty where nothing was moved
            if self.is_of_files(path) or any(map(partial(self._is_in, path), self._trees)):
                self._changed(path)

    def is_of_files(self, path: Path) -> bool:
        """Whether a path that changed is one of the files, or in one of them; else it is in one of the folders."""
        if path in self._names or any(map(partial(self._is_in, path), self._roots)):
            return True
        return any(
            self._is_in(path, root) and played_folder.counts(path, root, without)
            for root, without in self._played
        )

    def _is_in(self, path: Path, tree: Path) -> bool:
        return path.is_relative_to(tree) and not self._ignored & {*path.relative_to(tree).parts}


def _existing(folder: Path) -> Path:
    """The nearest folder on the way to this one that exists: what is missing may come."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _between(folder: Path, target: Path) -> tuple[Path, ...]:
    """The folder, and those below it on the way to the target, whose coming and going matters too."""
    return tuple(each for each in target.parents if each.is_relative_to(folder))


def _inode(path: Path) -> int:
    """What tells a folder from another one that took its place."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


@contextmanager
def _limits() -> Iterator[None]:
    """Explains the errors of notifications."""
    try:
        yield
    except OSError as error:
        if hint := _HINTS.get(error.errno or 0):
            raise LabctlError("the system lets no more files be watched", hint=hint) from error
        raise os_errors.as_labctl_error(error, "can't watch it") from error
