"""The download of a file whose digest is known, over https: resumed, retried, and verified before it gets its name.

A resumed download is continued whichever server answers, and only the digest decides whether the whole is right. ETags
can't: one address often leads to many mirrors, which give one file different ETags.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.core.size import format_size
from labctl.host.downloads import https, shared
from labctl.host.downloads.https import PARTIAL, RETRIES, UNSATISFIABLE, Retry, RetryPolicy
from labctl.host.downloads.partial import PartialDownload
from labctl.host.files import cache, os_errors
from labctl.host.images import limits
from labctl.host.machine import lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    Progress = Callable[[int, int], None]  # bytes that are done, bytes in all (0 if the server doesn't say)

UNUSABLE = "a copy that this machine has for all users is not used"
WAIT_S = 3600.0  # how long to wait while another labctl downloads the same file
RESTARTS = 2
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.ASCII)


@record
class RemoteFile:
    """The address of a file and its digest: `algorithm` is sha256 or sha512, `digest` in lower-case hex.

    `limit` is the most bytes that it may have, whatever the server announces.
    """

    url: str
    algorithm: str
    digest: str
    limit: int = limits.DOWNLOAD

    @property
    def key(self) -> str:
        return f"{self.algorithm}-{self.digest}"

    @property
    def where(self) -> str:
        """The URL without a password, for messages."""
        return https.without_password(self.url)


def fetch(
    source: RemoteFile, progress: Progress, client: httpx.Client | None = None, policy: RetryPolicy = RETRIES
) -> Path:
    """Download a file into the cache unless it is there, and return its path; this machine may have it for all users.

    One process at a time downloads a file. An interrupted download is kept and resumed, also when `progress` raises.

    Raises:
        LabctlError: the file can't be downloaded or is too large, the disk is full, or the digest is wrong; a file that
            is too large or has a wrong digest is not kept.
    """
    folder = cache.folder("downloads")
    done, part = folder / source.key, folder / f"{source.key}.part"
    with lock.held(cache.lock_name(f"download of {source.key}"), wait_s=WAIT_S):
        if not done.exists():
            try:
                with PartialDownload(part, source.algorithm) as file:
                    _fill(file, source, progress, client, policy)
                    file.publish(done)
            except OSError as error:
                raise os_errors.as_labctl_error(error, "can't write it", part) from error
    return done


def _fill(
    file: PartialDownload,
    source: RemoteFile,
    progress: Progress,
    client: httpx.Client | None,
    policy: RetryPolicy,
) -> None:
    """Copy the file that this machine has for all users, or download it. Where neither works, both are told."""
    unusable: LabctlError | None = None
    try:
        if shared.copied(source.algorithm, source.digest, source.limit, file, progress):
            return
    except shared.Unusable as error:
        unusable = error
    try:
        with https.open_client(client) as ours:
            _Download(ours, source, file, progress, policy).complete()
    except LabctlError as error:
        if unusable:
            error.hint = "; ".join(filter(None, [error.hint, f"{UNUSABLE}: {unusable}"]))
        raise


def fetch_text(
    url: str, limit: int = limits.TEXT, client: httpx.Client | None = None, policy: RetryPolicy = RETRIES
) -> str:
    """Download a small text, as a publisher's checksums. LabctlError when that fails, or it has over `limit` bytes."""
    body = bytearray()

    def once() -> None:
        body.clear()
        with https.get(ours, url, {}, policy) as response:
            for data in response.iter_raw():
                body.extend(data)
                if len(body) > limit:
                    raise LabctlError(f"more than {format_size(limit)}: that is no text we need", where=where)

    where = https.without_password(url)
    with https.open_client(client) as ours:
        https.with_retries(once, lambda: 0, where, policy)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LabctlError("not a text in UTF-8", where=where) from error


@record(frozen=False)
class _Download:
    """A download under way, which requests the rest of the file until the digest is right."""

    client: httpx.Client
    source: RemoteFile
    part: PartialDownload
    progress: Progress
    policy: RetryPolicy
    total: int = 0  # bytes of the whole file; 0 if the server doesn't say
    # whether the bytes come from several answers, or from an earlier run: the file may have changed in between
    mixed: bool = True
    ranges_work: bool = True  # whether the server sends the range that it is asked for

    def complete(self) -> None:
        """Download the rest of the file. LabctlError when that fails; a complete but wrong file is deleted then."""
        restarts = RESTARTS
        while True:
            https.with_retries(self._once, lambda: self.part.size, self.source.where, self.policy)
            if self._is_right():
                return
            if not (self.mixed and restarts):
                self._refuse()
            restarts -= 1
            self._restart()  # the server's file changed between two answers, or the disk lost some of the data

    def _is_right(self) -> bool:
        return self.part.digest == self.source.digest

    def _once(self) -> None:
        """Send one request, for the rest of the file."""
        if self._is_right():  # the file is complete, though the server promised more bytes
            return
        start = self.part.size if self.ranges_work else 0
        headers = {"Range": f"bytes={start}-"} if start else {}
        with https.get(self.client, self.source.url, headers, self.policy) as response:
            self._begin(response)
            self._take(response)

    def _begin(self, response: httpx.Response) -> None:
        """Decide whether the answer is the rest of the file, the whole file, or neither."""
        if response.status_code == UNSATISFIABLE:
            self._restart()
            raise Retry("the server has less than was already downloaded")
        length = _length(response)
        if response.status_code == PARTIAL:
            begin, total = _content_range(response)
            if begin != self.part.size:
                self.ranges_work = False
                raise Retry("the server sends another part than the one asked for")
            if total and self.total and total != self.total:
                self._restart()
                raise Retry("the file was changed while it was downloaded")
            self.total = total or self.total or (length and begin + length)
            self.mixed = True
        else:
            self._restart()
            self.total = length
        if self.total > self.source.limit:
            self._refuse_size()
        if self.total > self.part.size:
            self.part.require(self.total - self.part.size)

    def _take(self, response: httpx.Response) -> None:
        # without a chunk size, which would keep the last bytes before a stall in a buffer
        for data in response.iter_raw():
            if self.part.size + len(data) > self.source.limit:
                self._refuse_size()
            self.part.append(data)
            self.progress(self.part.size, self.total)
            if self.total and self.part.size > self.total:
                return  # the answer is longer than announced, perhaps endless, and the digest is wrong anyway
        if self.part.size < self.total:
            raise Retry("the connection ended early")

    def _restart(self) -> None:
        self.part.restart()
        self.total, self.mixed = 0, False

    def _refuse_size(self) -> NoReturn:
        self.part.path.unlink()
        raise LabctlError(
            f"it has more than {format_size(self.source.limit)}, which is more than is expected of it; "
            "nothing was kept",
            where=self.source.where,
            hint="is it the right address? If so, download it yourself and name the file",
        )

    def _refuse(self) -> NoReturn:
        self.part.path.unlink()
        actual, wanted = self.part.digest, self.source.digest
        raise LabctlError(
            f"wrong {self.source.algorithm}: {self.part.size} bytes came with {actual}, not {wanted}; "
            "nothing was kept",
            where=self.source.where,
            hint="the publisher may have replaced the file: compare with the checksum that it publishes",
        )


def _length(response: httpx.Response) -> int:
    """The Content-Length in bytes; 0 if the server sends none. httpx has checked that it is a number."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _content_range(response: httpx.Response) -> tuple[int, int]:
    """The first byte of the range and the length of the whole file, 0 if not stated; (-1, 0) if there is no range.

    https://www.rfc-editor.org/rfc/rfc9110#name-content-range
    """
    match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if match is None:
        return -1, 0
    return int(match[1]), 0 if match[2] == "*" else int(match[2])
