"""What labctl can do in a guest, over SSH or over its port: run a command, put a file, get a file."""

from __future__ import annotations

import asyncio
import hashlib
import io
import shlex
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, BinaryIO, cast

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.guest.protocol import COMMAND_BYTES, ROOT
from labctl.host.access.streams import LIMIT_BYTES, Captured, FileStdin, LiveStdin, PiecesStdin, StreamStdin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.host.access.streams import Sink, Stdin

_READY = (LiveStdin, PiecesStdin, StreamStdin)  # what a command reads as it is
_DIGEST = 64  # characters of a SHA-256
_PUT = """set -e
umask 077
if [ -d {path} ]; then echo 'it is a folder' >&2; exit 1; fi
new=$(mktemp {path}.XXXXXX)
trap 'rm -f "$new"' EXIT
cat >"$new"
digest=$(sha256sum <"$new")
[ "${{digest%% *}}" = {digest} ] || {{ echo 'what arrived is not what was sent' >&2; exit 1; }}
chmod {mode:o} "$new"
sync "$new"
mv -f "$new" {path}
"""
_GET = "sha256sum <{path} >&2 && cat <{path}"


@record
class Completed:
    """A command that ended. An exit code above 128 means a signal, as in sh."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    def check(self, failure: str) -> Completed:
        """Return the same object if the command succeeded.

        Raises:
            LabctlError: it failed. `failure` says what that means, and its last lines of output follow.
        """
        if self.exit_code != 0:
            words = last_words(self.stderr) or last_words(self.stdout) or f"exit code {self.exit_code}"
            raise LabctlError(f"{failure}: {words}")
        return self


class TimedOut(LabctlError):
    """A command did not end in time. `stdout` and `stderr` have what it wrote until then."""

    def __init__(self, timeout: float, stdout: bytes, stderr: bytes) -> None:
        super().__init__(f"it did not end within {timeout:g} s")
        self.stdout, self.stderr = stdout, stderr


class Transport(ABC):
    """A way into one guest."""

    @abstractmethod
    async def _execute(self, text: str, user: str, stdin: Stdin | None, captured: Captured) -> int:
        """Run a text in sh as a user, and give its exit code. If the task is cancelled, the command is ended.

        Raises:
            LabctlError: the guest can't be reached, or stopped meanwhile.
        """

    async def run(  # noqa: PLR0913  # what a process has
        self,
        command: str | Sequence[str],
        *,
        timeout: float | None,  # noqa: ASYNC109  # it is told in the error what was said until then
        stdin: bytes | BinaryIO | LiveStdin | PiecesStdin | StreamStdin | None = None,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        user: str = ROOT,
        limit: int = LIMIT_BYTES,
    ) -> Completed:
        """Run a command in the guest.

        Args:
            command: an argv, or a text for sh.
            timeout: seconds that it may take.
            stdin: what it reads. A file is read piece by piece.
            stdout: a file that its output is written to as it arrives. Without one it is kept in memory.
            stderr: the same for its messages.
            user: the user who runs it, in that user's home. Its environment depends on the kind of transport.
            limit: the most bytes of each of the two that are kept in memory.

        Raises:
            TimedOut: it did not end in time, and was ended.
            LabctlError: the guest can't be reached, stopped meanwhile, or wrote more than the limit.
        """
        source = stdin if stdin is None or isinstance(stdin, _READY) else FileStdin(stdin)
        text = command if isinstance(command, str) else shlex.join(command)
        if "\0" in text or len(text.encode()) > COMMAND_BYTES:
            raise LabctlError(
                f"the command is longer than {COMMAND_BYTES >> 10} KiB, or has a NUL in it",
                hint="put it into a file, and run that",
            )
        captured = Captured(stdout, stderr, limit)
        try:
            async with asyncio.timeout(timeout):
                code = await self._execute(text, user, source, captured)
        except TimeoutError as error:
            raise TimedOut(timeout or 0, captured["stdout"], captured["stderr"]) from error
        return Completed(code, captured["stdout"], captured["stderr"])

    async def put(
        self,
        content: bytes | BinaryIO,
        path: str,
        *,
        timeout: float | None,  # noqa: ASYNC109
        mode: int = 0o644,
        user: str = ROOT,
    ) -> None:
        """Write a file in the guest, into a folder that exists. If it fails, the file stays as it was.

        Raises:
            LabctlError: it can't be written.
        """
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        digest = _digest(source)
        source.seek(0)
        text = _PUT.format(path=shlex.quote(path), digest=digest, mode=mode)
        done = await self.run(text, stdin=source, timeout=timeout, user=user)
        done.check(f"can't write {path} in the guest")

    async def get(
        self,
        path: str,
        into: BinaryIO | None = None,
        *,
        timeout: float | None,  # noqa: ASYNC109
        user: str = ROOT,
    ) -> bytes:
        """Read a file of the guest: into a local file, or as the value that is returned.

        Raises:
            LabctlError: it can't be read, or it changed meanwhile.
        """
        text = _GET.format(path=shlex.quote(path))
        done = await self.run(text, stdout=into, timeout=timeout, user=user)
        done.check(f"can't read {path} in the guest")
        if into:
            into.seek(0)
        if done.stderr[:_DIGEST] != _digest(into or io.BytesIO(done.stdout)).encode():
            raise LabctlError(f"{path} changed in the guest while it was read")
        return done.stdout


def last_words(data: bytes) -> str:
    """The last lines of a guest's output, for a message."""
    return "\n".join(data[-2000:].decode(errors="replace").strip().splitlines()[-5:])


def _digest(file: BinaryIO) -> str:
    return hashlib.file_digest(cast("io.BufferedReader", file), "sha256").hexdigest()
