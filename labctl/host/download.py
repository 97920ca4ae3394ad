"""One file over https, of which the digest is known: resumed, retried, verified before anyone can see it."""

from __future__ import annotations

import hashlib
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import httpx

from labctl.core.errors import LabctlError
from labctl.host import cache, lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Progress = Callable[[int, int], None]  # bytes done, bytes in all (0 where the server doesn't say)

ATTEMPTS = 5  # in a row without a byte gained
BACKOFF_S = 0.5  # doubled each time
STALL_S = 30.0
WAIT_S = 3600.0  # for another labctl that downloads the same
CHUNK = 1 << 20
PARTIAL, UNSATISFIABLE, SERVER_ERROR = 206, 416, 500


class _Again(Exception):
    """Worth another attempt."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is, and what it has to be: `algorithm` is sha256 or sha512, `digest` in hex."""

    url: str
    algorithm: str
    digest: str

    @property
    def key(self) -> str:
        return f"{self.algorithm}-{self.digest}"

    @property
    def where(self) -> str:
        """The URL as it may be shown: without a password."""
        url = httpx.URL(self.url)
        return str(url.copy_with(username=None, password=None) if url.userinfo else url)


def fetch(source: Source, progress: Progress, client: httpx.Client | None = None) -> Path:
    """The verified file in the cache, downloaded unless it is there.

    One download at a time for a digest; an interrupted one is resumed. Raises LabctlError for a digest mismatch,
    after which nothing is kept, and for what can't be downloaded.
    """
    folder = cache.folder("downloads")
    done = folder / source.key
    with lock.held(f"download of {source.key}", wait_s=WAIT_S):
        if not done.exists():
            part = folder / f"{source.key}.part"
            if client is not None:
                _complete(client, source, part, progress)
            else:
                with _client() as own:
                    _complete(own, source, part, progress)
            part.replace(done)
    return done


def _client() -> httpx.Client:
    """A client that trusts the system's authorities, uses the environment's proxies, and speaks https only."""
    paths = ssl.get_default_verify_paths()
    context: ssl.SSLContext | bool = True  # httpx's own list, where the system has none
    if paths.cafile or paths.capath:
        context = ssl.create_default_context()
    timeout = httpx.Timeout(STALL_S, connect=20)
    return httpx.Client(verify=context, timeout=timeout, follow_redirects=True, max_redirects=10)


def _https_only(request: httpx.Request) -> None:
    if request.url.scheme != "https":
        raise LabctlError(
            f"refused: it leads to {request.url.copy_with(username=None, password=None)}, which is not https",
            hint="use an https address; what comes over http could be anyone's",
        )


def _complete(client: httpx.Client, source: Source, part: Path, progress: Progress) -> None:
    """Fill the part file until its digest is right."""
    if _https_only not in client.event_hooks["request"]:
        client.event_hooks = {"request": [*client.event_hooks["request"], _https_only]}
    resumed = part.exists()
    try:
        _fill(client, source, part, progress)
        actual = _digest(part, source.algorithm)
        if (
            actual != source.digest and resumed
        ):  # the old part may be of something else: once more, from the start
            part.unlink()
            _fill(client, source, part, progress)
            actual = _digest(part, source.algorithm)
    except OSError as error:
        hint = "free some space, the download is resumed then"
        raise LabctlError(
            f"can't store the download: {error.strerror}", where=str(part), hint=hint
        ) from error
    if actual != source.digest:
        part.unlink()
        raise LabctlError(
            f"wrong {source.algorithm}: it is {actual}, not {source.digest}; nothing was kept",
            where=source.where,
            hint="the publisher may have replaced the file: compare with the checksum that it publishes",
        )


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _fill(client: httpx.Client, source: Source, part: Path, progress: Progress) -> None:
    """Download what is missing, again and again while it is the network's or server's fault."""
    attempt = 0
    with part.open("ab") as file:
        while True:
            before = file.tell()
            try:
                _attempt(client, source, file, progress)
            except (_Again, httpx.TransportError) as error:
                attempt = 0 if file.tell() > before else attempt + 1
                if attempt >= ATTEMPTS or _is_refusal(error):
                    _give_up(source, error)
                time.sleep(BACKOFF_S * 2**attempt)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                _give_up(source, error)
            except LabctlError as error:
                raise LabctlError(error.summary, hint=error.hint, where=source.where) from error
            else:
                return


def _is_refusal(error: Exception) -> bool:
    """Whether trying again is in vain: the certificate is not trusted, or no such protocol."""
    causes = (error, error.__cause__, error.__context__)
    return isinstance(error, httpx.UnsupportedProtocol) or any(
        "CERTIFICATE" in str(cause) for cause in causes
    )


def _give_up(source: Source, error: Exception) -> NoReturn:
    hint = "an own authority is named by SSL_CERT_FILE" if "CERTIFICATE" in str(error) else ""
    hint = (
        hint or "is the network there? Proxies come from HTTPS_PROXY; the next try goes on where this ended"
    )
    what = str(error) or type(error).__name__
    raise LabctlError(f"can't download: {what}", where=source.where, hint=hint) from error


def _attempt(client: httpx.Client, source: Source, file: BinaryIO, progress: Progress) -> None:
    """One request for the rest, appended to the file."""
    have = file.tell()
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with client.stream("GET", source.url, headers=headers) as response:
        if response.status_code == UNSATISFIABLE:
            _from_start(file)
            raise _Again("the server has less than was already downloaded")
        if response.status_code >= SERVER_ERROR:
            raise _Again(f"the server answers {response.status_code}")
        if not response.is_success:
            raise LabctlError(f"the server answers {response.status_code} {response.reason_phrase}")
        if not _continues(response, have):
            _from_start(file)
            have = 0
        length = int(response.headers.get("Content-Length") or 0)
        total = have + length if length else 0
        for data in response.iter_raw(CHUNK):
            file.write(data)
            progress(file.tell(), total)
        file.flush()
        if total and file.tell() < total:
            raise _Again("the connection ended early")


def _continues(response: httpx.Response, have: int) -> bool:
    """Whether the answer is the rest that was asked for, and not the whole or some other part."""
    start = f"bytes {have}-"
    return response.status_code == PARTIAL and response.headers.get("Content-Range", "").startswith(start)


def _from_start(file: BinaryIO) -> None:
    file.truncate(0)
    file.seek(0)
