"""One file over https, of which the digest is known: resumed, retried, verified before anyone can see it.

Parts are joined by the digest alone. ETags would not do: mirrors of one file give different ones, and behind one
address there are often many mirrors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.core.size import format_size
from labctl.host.downloads import https
from labctl.host.downloads.https import PARTIAL, RETRIES, UNSATISFIABLE, Retry, RetryPolicy
from labctl.host.downloads.partial import PartialDownload
from labctl.host.files import cache, local
from labctl.host.machine import lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    Progress = Callable[[int, int], None]  # bytes done, bytes in all (0 where the server doesn't say)

WAIT_S = 3600.0  # for another labctl that downloads the same
RESTARTS = 2
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.ASCII)


@record
class Source:
    """Where a file is, and what it has to be: `algorithm` is sha256 or sha512, `digest` in lower-case hex."""

    url: str
    algorithm: str
    digest: str

    @property
    def key(self) -> str:
        return f"{self.algorithm}-{self.digest}"

    @property
    def where(self) -> str:
        """The URL as it may be shown: without a password."""
        return https.shown(self.url)


def fetch(
    source: Source, progress: Progress, client: httpx.Client | None = None, policy: RetryPolicy = RETRIES
) -> Path:
    """The verified file in the cache, downloaded unless it is there.

    One download at a time for a digest. What an interrupted one got is kept and resumed, also when `progress` raises.
    Raises LabctlError for what can't be downloaded, for a full disk, and for a wrong digest, after which nothing is
    kept.
    """
    folder = cache.folder("downloads")
    done, part = folder / source.key, folder / f"{source.key}.part"
    with lock.held(f"download of {source.key}", wait_s=WAIT_S):
        if not done.exists():
            try:
                with https.opened(client) as ours, PartialDownload(part, source.algorithm) as file:
                    _Download(ours, source, file, progress, policy).complete()
                    file.publish(done)
            except OSError as error:
                raise local.failed(error, "can't write it", part) from error
    return done


def fetch_text(
    url: str, limit: int = 1 << 20, client: httpx.Client | None = None, policy: RetryPolicy = RETRIES
) -> str:
    """A small text, as a publisher's checksums. LabctlError when it can't be had, or is more than `limit` bytes."""
    body = bytearray()

    def once() -> None:
        body.clear()
        with https.get(ours, url, {}, policy) as response:
            for data in response.iter_raw():
                body.extend(data)
                if len(body) > limit:
                    raise LabctlError(f"more than {format_size(limit)}: that is no text we need", where=where)

    where = https.shown(url)
    with https.opened(client) as ours:
        https.persist(once, lambda: 0, where, policy)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LabctlError("not a text in UTF-8", where=where) from error


@record(frozen=False)
class _Download:
    """Fills a part until its digest is right."""

    client: httpx.Client
    source: Source
    part: PartialDownload
    progress: Progress
    policy: RetryPolicy
    total: int = 0  # bytes of the whole file, 0 where the server doesn't say
    joined: bool = (
        True  # not of one answer: what an earlier run left is as little to be trusted as two answers
    )
    ranges: bool = True  # whether the server's are right

    def complete(self) -> None:
        """Raises LabctlError, after which the part is gone if it was wrong and kept if it isn't whole."""
        restarts = RESTARTS
        while True:
            https.persist(self._once, lambda: self.part.size, self.source.where, self.policy)
            if self._is_right():
                return
            if not (self.joined and restarts):
                self._refuse()
            restarts -= 1
            self._restart()  # the file was swapped between two answers, or the disk lost what we wrote

    def _is_right(self) -> bool:
        return self.part.digest == self.source.digest

    def _once(self) -> None:
        """One request for what is missing."""
        if self._is_right():  # all of it came, though more was promised
            return
        start = self.part.size if self.ranges else 0
        headers = {"Range": f"bytes={start}-"} if start else {}
        with https.get(self.client, self.source.url, headers, self.policy) as response:
            self._begin(response)
            self._take(response)

    def _begin(self, response: httpx.Response) -> None:
        """Decide what the answer is: the rest, the whole, or neither."""
        if response.status_code == UNSATISFIABLE:
            self._restart()
            raise Retry("the server has less than was already downloaded")
        length = _length(response)
        if response.status_code == PARTIAL:
            begin, total = _content_range(response)
            if begin != self.part.size:
                self.ranges = False
                raise Retry("the server sends another part than the one asked for")
            if total and self.total and total != self.total:
                self._restart()
                raise Retry("the file was changed while it was downloaded")
            self.total = total or self.total or (length and begin + length)
            self.joined = True
        else:
            self._restart()
            self.total = length
        if self.total > self.part.size:
            self.part.require(self.total - self.part.size)

    def _take(self, response: httpx.Response) -> None:
        for (
            data
        ) in response.iter_raw():  # no chunk size: what came before a stall is not to be lost in a buffer
            self.part.append(data)
            self.progress(self.part.size, self.total)
            if (
                self.total and self.part.size > self.total
            ):  # an endless answer; the digest can't be right any more
                return
        if self.part.size < self.total:
            raise Retry("the connection ended early")

    def _restart(self) -> None:
        self.part.restart()
        self.total, self.joined = 0, False

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
    """0 where it isn't told; that it is a number is httpx's to check."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _content_range(response: httpx.Response) -> tuple[int, int]:
    """Where the part begins and how long the whole is, 0 where it isn't told; (-1, 0) for what is no range.

    https://www.rfc-editor.org/rfc/rfc9110#name-content-range
    """
    match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if match is None:
        return -1, 0
    return int(match[1]), 0 if match[2] == "*" else int(match[2])
