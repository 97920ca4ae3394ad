"""`ready` conditions, checked inside a guest or from this machine."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labctl import resources
from labctl.core.text import one_line
from labctl.host.access.streams import FEW_BYTES
from labctl.host.access.transport import last_words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from labctl.core.ip import IpAddress
    from labctl.host.access.transport import Transport

_TRY_S = 5.0
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")
_STATUS_BYTES = 4096  # a longer line is none of HTTP's
WORDS = 500  # characters of what a guest says of a check


async def unmet_in_guest(
    guest: Transport,
    kind: str,
    value: str,
    timeout: float,  # noqa: ASYNC109
    interval: float,
) -> str | None:
    """Check a condition inside a guest until it holds or the time is up. `kind` is tcp, exec or http.

    This is one command in the guest, which repeats the check by itself.

    Returns:
        None where it holds, else why it does not.

    Raises:
        LabctlError: the guest stopped.
    """
    seconds = [str(max(1, round(each))) for each in (timeout, interval)]
    script = ["sh", "-c", resources.text("templates/guest/condition.sh"), "condition", kind, value, *seconds]
    done = await guest.run(script, timeout=None, limit=FEW_BYTES)
    return one_line(last_words(done.stdout + done.stderr), WORDS) if done.exit_code else None


async def unmet_from_here(
    kind: str,
    value: str,
    addresses: Sequence[IpAddress],
    timeout: float,  # noqa: ASYNC109
    interval: float,
) -> str | None:
    """Check a condition from here until it holds on one address or the time is up. `kind` is tcp or http.

    Returns:
        None where it holds, else why it does not.
    """
    deadline = time.monotonic() + timeout
    detail = "the host has no address of it to try"
    while addresses or kind == "http":
        for address in addresses if kind == "tcp" else ("",):
            detail = await _once(kind, value, str(address))
            if not detail:
                return None
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(interval)
    return detail


async def _once(kind: str, value: str, address: str) -> str:
    """Check once; the empty string is success."""
    try:
        async with asyncio.timeout(_TRY_S):
            if kind == "tcp":
                async with _connected(address, int(value)):
                    return ""
            return await _http(value)
    except TimeoutError:
        return "no answer"
    except (OSError, EOFError) as error:  # an SSL error is an OSError, too
        return _reason(error)
    except (ValueError, OverflowError) as error:  # of a URL or port that nothing can be asked at
        return f"it can't be asked: {error}"


def _reason(error: Exception) -> str:
    """Why a connection failed. It is never empty, which would be success."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid here: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS there: {error.reason or 'the handshake failed'}"
    if isinstance(error, OSError) and error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)  # asyncio has words of its own
    return getattr(error, "strerror", "") or "it hung up"


@asynccontextmanager
async def _connected(
    host: str, port: int, *, secure: bool = False
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection while the block runs; then nobody waits for the other end any more."""
    reader, writer = await asyncio.open_connection(host, port, ssl=secure or None, limit=_STATUS_BYTES)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _http(url: str) -> str:
    """Ask for a page with a plain GET. A status from 200 to 399 is success: a redirection is an answer.

    It is not followed, and nothing but the status is read: a guest must not send this machine to others, nor keep it
    busy.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    if not parts.hostname:
        return "it can't be asked: the URL names no host"
    port = parts.port or (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    async with _connected(parts.hostname, port, secure=secure) as (reader, writer):
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        await writer.drain()
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            return "its answer is not HTTP"
    status = _STATUS_LINE.match(line)
    if not status:
        return "its answer is not HTTP"
    return "" if 200 <= int(status[1]) < 400 else f"status {int(status[1])}"
