"""Fetch an image: https only, the digest worked out while it streams, resumed where it broke off."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    Progress = Callable[[int, int], None]

TRIES = 4
TIMEOUT_S = 30.0
_CHUNK = 1 << 20
_RESUMED, _SERVER_ERROR, _RANGE_REFUSED = 206, 500, 416


def fetch(  # noqa: PLR0913  # what to fetch by place, the rest by keyword
    url: str,
    target: Path,
    algorithm: str,
    digest: str,
    *,
    progress: Progress | None = None,
    trust: ssl.SSLContext | None = None,
) -> None:
    """Bring `url` into the file `target`, which exists afterwards only if its digest is right.

    What arrived of a broken download stays beside it as `….part` and is gone on with; stalls and errors of the
    server are tried again a few times. Proxies come from the environment.

    Args:
        url: https.
        target: in a private folder.
        algorithm: sha256 or sha512.
        digest: hexadecimal.
        progress: is given the bytes so far and in all, 0 where the server does not tell.
        trust: whom to trust instead of the system's authorities.

    Raises:
        LabctlError: it can't be had, or it is not what the digest says.
    """
    import httpx

    part = target.with_name(f"{target.name}.part")
    with httpx.Client(verify=trust or True, timeout=TIMEOUT_S, follow_redirects=False) as client:
        for attempt in range(TRIES):
            try:
                _stream(client, url, part, progress)
                break
            except (httpx.TransportError, _Again) as error:
                if attempt == TRIES - 1:
                    raise LabctlError(
                        f"can't fetch it: {error}", where=url, hint="run it again to go on"
                    ) from error
                time.sleep(2**attempt / 2)
    _verify(part, algorithm, digest, url)
    part.replace(target)


class _Again(Exception):
    """The server failed in a way that may pass."""


def _stream(client: httpx.Client, url: str, part: Path, progress: Progress | None) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = (
        {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
        if have
        else {"Accept-Encoding": "identity"}
    )
    with client.stream("GET", _followed(client, url), headers=headers) as response:
        if response.status_code == _RANGE_REFUSED:
            return  # all of it is here; the digest tells
        if response.status_code >= _SERVER_ERROR:
            raise _Again(f"the server says {response.status_code}")
        if response.is_error:
            raise LabctlError(f"the server says {response.status_code}", where=url, hint="check the address")
        resumed = response.status_code == _RESUMED
        done = have if resumed else 0
        length = int(response.headers.get("content-length", 0))
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_raw(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                if progress:
                    progress(done, length + have if resumed else length)


def _followed(client: httpx.Client, url: str) -> str:
    """Follow redirects by hand: none of them may leave https."""
    for _hop in range(10):
        if not url.startswith("https://"):
            raise LabctlError(
                "only https is fetched, redirects included", where=url, hint="use an https address"
            )
        with client.stream("GET", url, headers={"Range": "bytes=0-0"}) as response:
            if not response.has_redirect_location or response.next_request is None:
                return url
            url = str(response.next_request.url)
    raise LabctlError("too many redirects", where=url)


def _verify(part: Path, algorithm: str, digest: str, url: str) -> None:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != digest:
        part.unlink()
        raise LabctlError(
            f"its {algorithm} is {found}, and the Labfile says {digest}; nothing was kept",
            where=url,
            hint="if the vendor published a new image, copy its checksum from the vendor's page",
        )
