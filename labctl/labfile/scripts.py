"""Finds commands of a guest's scripts that can't run there, and whose reason stands in the Labfile or beside it.

People write `shell: ./setup.sh` and mean a file of their own machine, and copy scripts that are not executable. Only
what is sure is told: a name that a script, or one before it, mentions in another way may have been made there.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from labctl.core.errors import Problem
from labctl.core.record import record, replace
from labctl.guest.protocol import ROOT
from labctl.kinds.provision.work import Ansible, Copy, Shell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.kinds.provision.work import Work
    from labctl.labfile.model import Folder

__all__ = ["Brought", "GuestFiles", "home_of", "restarting"]

_CHARS, _COMMANDS = 16 << 10, 100  # of a script are looked at: who writes it may be anybody
_RAN = 128 << 10  # characters of all that ran before: each command is looked for in them
_NEXT = re.compile(r";|&&?|\|\|?")
_BEFORE = frozenset(("!", "do", "else", "env", "exec", "if", "nohup", "sudo", "then", "time"))
_READERS = frozenset((".", "bash", "dash", "perl", "python", "python3", "ruby", "sh", "source", "zsh"))
_ELSEWHERE = frozenset(("cd", "pushd"))
# programs that restart a machine with one of these words
_RESTARTING = {"shutdown": {"-r", "--reboot"}, "systemctl": {"reboot"}, "init": {"6"}, "telinit": {"6"}}
_EXECUTABLE = 0o111


@record
class Brought:
    """A file or folder that the Labfile brings to `target` in a guest; `mode` is None where it keeps its own."""

    target: str
    source: Path
    mode: int | None = None

    def source_of(self, path: str) -> Path | None:
        """Where a path of the guest comes from; None if it is not of this."""
        target = PurePosixPath(self.target)
        if path == str(target):
            return self.source
        below = PurePosixPath(path)
        if not below.is_relative_to(target):
            return None
        if self.source.is_file():  # it lands in a folder that is there
            return self.source if str(below.relative_to(target)) == self.source.name else None
        return self.source / below.relative_to(target)


@record
class GuestFiles:
    """What the Labfile says of a guest's files before a script runs there.

    `brought` has what was brought, later things last. `texts`, and `ran`, the scripts that ran, may have made files.
    `known` is False after what may have brought anything: a playbook, or more scripts than are looked through.
    """

    brought: tuple[Brought, ...] = ()
    texts: tuple[str, ...] = ()
    ran: str = ""
    known: bool = True

    @classmethod
    def after(
        cls, cloud_init: object, folders: Iterable[Folder] = (), works: Iterable[Work] = ()
    ) -> GuestFiles:
        """A guest that has booted with this cloud-config and these folders, after these steps."""
        guest = cls(tuple(Brought(each.target, each.source) for each in folders), (str(cloud_init or ""),))
        for work in works:
            guest = guest.then(work)
        return guest

    def then(self, work: Work) -> GuestFiles:
        """The guest after one more step."""
        if isinstance(work, Copy):
            target = f"{work.target}{work.source.name}" if work.target.endswith("/") else work.target
            return replace(self, brought=(*self.brought, Brought(target, work.source, work.mode)))
        if isinstance(work, Shell):
            ran = f"{self.ran}\n{work.text[:_CHARS]}"
            return replace(self, ran=ran, known=self.known and len(ran) <= _RAN)
        return replace(self, known=self.known and not isinstance(work, Ansible))

    def problem(self, script: str, folder: Path, home: str) -> Problem | None:
        """The first command of a script that can't run here; None if there is none.

        Args:
            script: for sh or the program that its first line names.
            folder: the Labfile's folder.
            home: the folder of the guest in which it runs.
        """
        for word, read, before in _commands(script) if self.known else ():
            made = PurePosixPath(word).name if word.startswith("/") else PurePosixPath(word).parts[0]
            if any(made in text for text in (before, *self.texts, self.ran)):
                continue
            path = str(PurePosixPath(home) / word)
            origin = self._origin(path)
            if origin is None:
                if _is_here(word, folder, read=read):
                    return _of_this_machine(word)
            elif not read and _not_executable(*origin):
                return _without_mode(path, *origin, folder)
        return None

    def _origin(self, path: str) -> tuple[Path, Brought] | None:
        """The file of this machine that a path of the guest comes from, and what brought it; the latest counts."""
        for thing in reversed(self.brought):
            if source := thing.source_of(path):
                return source, thing
        return None


def home_of(user: str) -> str:
    """The folder of a guest in which the scripts of a user run."""
    return "/root" if user == ROOT else f"/home/{user}"


def restarting(text: str) -> str:
    """The command of a script that restarts its guest; empty if it has none that is seen at once."""
    for words, _ in _parsed(text):
        name = words[0].rpartition("/")[2]
        if name == "reboot" or (name in _RESTARTING and _RESTARTING[name] & {*words[1:]}):
            return " ".join(words)
    return ""


def _commands(text: str) -> Iterator[tuple[str, bool, str]]:
    """The files that a script runs: each word, whether another program reads it, and the text before it.

    They end where the script goes to another folder.
    """
    for words, before in _parsed(text):
        if words[0] in _ELSEWHERE:
            return
        read = words[0].rpartition("/")[2] in _READERS
        word = next(iter(words[read:]), "").strip("\"'")
        if PurePosixPath(word).name and not word.startswith(("-", "#", "~")):
            yield word, read, before


def _parsed(text: str) -> Iterator[tuple[list[str], str]]:
    """The words of each command of a script for sh, and the text before it; up to lines that are no commands."""
    if text.startswith("#!") and "sh" not in text.partition("\n")[0]:
        return
    before, left = "", _COMMANDS
    for line in text[:_CHARS].splitlines():
        if "<<" in line:
            return
        for command in _NEXT.split(line.partition(" #")[0]):
            words = [word for word in command.split() if "=" not in word]
            while words and words[0] in _BEFORE:
                words = words[1:]
            if words:
                yield words, before
                left -= 1
            if not left:
                return
            before += command


def _is_here(word: str, folder: Path, *, read: bool) -> bool:
    """Whether a command is a file of this machine: of the Labfile's folder where its path is absolute.

    A word without a slash is a program that the shell looks for, unless its name ends as those of scripts do.
    """
    if not read and "/" not in word and "." not in word:
        return False
    path = folder / word
    try:
        return path.is_file() and (not word.startswith("/") or path.is_relative_to(folder))
    except OSError:
        return False


def _not_executable(source: Path, thing: Brought) -> bool:
    try:
        mode = source.stat().st_mode if source.is_file() else _EXECUTABLE
    except OSError:
        return False
    if thing.mode is not None and source == thing.source:
        mode = thing.mode
    return not mode & _EXECUTABLE


def _of_this_machine(word: str) -> Problem:
    target = f"/usr/local/bin/{PurePosixPath(word).name}"
    copy = f'`copy: {{source: {word}, target: {target}, mode: "0755"}}`'
    return Problem(
        f"{word} is a file of this machine, and the guest, in which this runs, does not have it",
        hint=f"a step before it with {copy}, and {target} here; or write the full path if the guest has it",
    )


def _without_mode(path: str, source: Path, thing: Brought, folder: Path) -> Problem:
    shown = source.relative_to(folder) if source.is_relative_to(folder) else source
    mend = f"`chmod +x {shown}` on this machine"
    if source == thing.source and source.is_file():
        mend = f'`mode: "0755"` beside the target {thing.target}, or {mend}'
    return Problem(f"{path} is not executable there: it comes from {shown}", hint=mend)
