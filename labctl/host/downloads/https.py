"""Requests over https with the system's certificate authorities and the environment's proxies, and their retries."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from labctl.core.errors import LabctlError
from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REDIRECTS = 10
OK, PARTIAL, UNSATISFIABLE, SERVER_ERROR = 200, 206, 416, 500
_BUSY = {408, 425, 429}  # the server asks to try later, as with all from 500 on
_HTML = ("text/html", "application/xhtml+xml")


class Retry(Exception):
    """A failure that another attempt may mend."""


@record
class RetryPolicy:
    """How often to try, and how long to wait. Between attempts is a pause, at first of `backoff_s`, which doubles."""

    attempts: int = 5  # attempts in a row without progress
    backoff_s: float = 0.5
    stall_s: float = 30.0  # how long a server may send nothing
    connect_s: float = 20.0


RETRIES = RetryPolicy()


def without_password(url: str | httpx.URL) -> str:
    """The URL without a user's name and password, for messages."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return str(url)
    return str(parsed.copy_with(username=None, password=None) if parsed.userinfo else url)


@contextmanager
def open_client(client: httpx.Client | None) -> Iterator[httpx.Client]:
    """Give the client, or without one a new client for the time of the block. LabctlError for an unusable proxy."""
    if client is not None:
        yield client
        return
    try:
        own = httpx.Client(verify=_trust())
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise LabctlError(
            f"can't use the environment's proxy: {error}", hint="HTTPS_PROXY is http://HOST:PORT"
        ) from error
    with own:
        yield own


def _trust() -> ssl.SSLContext | bool:
    """The system's certificate authorities, or SSL_CERT_FILE's; httpx's own list if the system has none."""
    paths = ssl.get_default_verify_paths()
    return ssl.create_default_context() if paths.cafile or paths.capath else True


@contextmanager
def get(
    client: httpx.Client, url: str, headers: Mapping[str, str], policy: RetryPolicy
) -> Iterator[httpx.Response]:
    """Send a GET and give the answer before its body is read: status 200, or for a range also 206 or 416.

    Every redirect has to lead to https.

    Raises:
        Retry: the server asks to try later, or has an internal error.
        LabctlError: the server refuses, or sends an HTML page.
    """
    response = _follow_redirects(client, url, headers, policy)
    try:
        _check_status(response, ranged="Range" in headers)
        yield response
    finally:
        response.close()


def _follow_redirects(
    client: httpx.Client, url: str, headers: Mapping[str, str], policy: RetryPolicy
) -> httpx.Response:
    """Send a request and follow its redirects. httpx doesn't, since each address has to be checked first."""
    timeout = httpx.Timeout(policy.stall_s, connect=policy.connect_s)
    plain = {
        "Accept-Encoding": "identity",
        **headers,
    }  # digests are of the file, not of a compressed transfer
    request: httpx.Request | None = client.build_request("GET", url, headers=plain, timeout=timeout)
    for _ in range(1 + REDIRECTS):
        assert request is not None
        _require_https(request.url, url)
        response = client.send(request, stream=True, follow_redirects=False)
        request = response.next_request
        if request is None:
            return response
        response.close()
    raise LabctlError(f"more than {REDIRECTS} redirects", where=without_password(url))


def _require_https(url: httpx.URL, origin: str) -> None:
    if url.scheme != "https" or not url.host:
        raise LabctlError(
            f"refused: it leads to {without_password(url)}, which is not https",
            where=without_password(origin),
            hint="use an https address; what comes over http could be anyone's",
        )


def _check_status(response: httpx.Response, *, ranged: bool) -> None:
    status, where = response.status_code, without_password(response.request.url)
    if status in _BUSY or status >= SERVER_ERROR:
        raise Retry(f"the server answers {status} {response.reason_phrase}".rstrip())
    if status != OK and not (ranged and status in {PARTIAL, UNSATISFIABLE}):
        raise LabctlError(
            f"the server answers {status} {response.reason_phrase}".rstrip(),
            where=where,
            hint="is the address right? Publishers move and remove what is old",
        )
    if status != UNSATISFIABLE and response.headers.get("Content-Type", "").lower().startswith(_HTML):
        raise LabctlError(
            "the server sends an HTML page, not a file",
            where=where,
            hint="open it in a browser: is it a login, a notice, or the page that has the real address?",
        )


def with_retries(
    once: Callable[[], None], reached: Callable[[], int], where: str, policy: RetryPolicy
) -> None:
    """Call `once` until it succeeds.

    Args:
        once: makes one attempt; raises Retry or httpx's errors when it fails.
        reached: gives the bytes that have been downloaded. More bytes than ever before reset the count of attempts.
        where: the address, for errors.
        policy: how often to try, and how long to wait.

    Raises:
        LabctlError: too many attempts failed in a row, or another one can't help.
    """
    failures, furthest = 0, reached()
    while True:
        try:
            once()
        except (Retry, httpx.TransportError) as error:
            failures = 1 if reached() > furthest else failures + 1
            furthest = max(furthest, reached())
            if failures >= policy.attempts or _is_in_vain(error):
                raise _given_up(error, where) from error
            time.sleep(policy.backoff_s * 2 ** (failures - 1))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _given_up(error, where) from error
        else:
            return


def _is_in_vain(error: BaseException) -> bool:
    """Whether another attempt can't help: the certificate isn't trusted, the host is unknown, or the proxy refuses."""
    if isinstance(error, httpx.UnsupportedProtocol):
        return True
    if isinstance(error, httpx.ProxyError) and str(error).startswith("4"):  # the text begins with the status
        return True
    return any(
        isinstance(each, ssl.SSLCertVerificationError)
        or (isinstance(each, socket.gaierror) and each.errno == socket.EAI_NONAME)
        for each in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _given_up(error: Exception, where: str) -> LabctlError:
    what = str(error) or type(error).__name__
    hint = "is the network there? Proxies come from HTTPS_PROXY"
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in _causes(error)):
        hint = "an own authority is named by SSL_CERT_FILE"
    elif isinstance(error, httpx.ProxyError):
        what, hint = f"the proxy answers {what}", "the proxy comes from HTTPS_PROXY or ALL_PROXY"
    elif isinstance(error, httpx.TimeoutException):
        what = f"the server is silent ({what.lower()})"
    return LabctlError(f"can't download: {what}", where=where, hint=hint)
