"""`ready` conditions as the host sees them: a TCP port or an HTTP page of a guest."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labctl.guest.protocol import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.core.ip import IpAddress

_TRY_S = 5.0


async def met(
    kind: str,
    value: str,
    addresses: Sequence[IpAddress],
    timeout: float,  # noqa: ASYNC109
    interval: float,
) -> Reply:
    """Try until the condition holds on one of the addresses or the time is up; `kind` is tcp or http."""
    deadline = time.monotonic() + timeout
    detail = "the host has no address of it to try"
    while addresses or kind == "http":
        for address in addresses or ("",):
            detail = await _once(kind, value, str(address))
            if not detail:
                return Reply(kind, ok=True)
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(interval)
    return Reply(kind, ok=False, detail=detail)


async def _once(kind: str, value: str, address: str) -> str:
    """Try once; the empty string is success."""
    try:
        async with asyncio.timeout(_TRY_S):
            if kind == "tcp":
                _reader, writer = await asyncio.open_connection(address, int(value))
                writer.close()
                return ""
            return await _http(value)
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return error.strerror or str(error)


async def _http(url: str) -> str:
    """Ask for a page with a plain GET; a status below 400 is success."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    writer.write(f"GET {path} HTTP/1.0\r\nHost: {parts.hostname}\r\n\r\n".encode())
    await writer.drain()
    status = (await reader.readline()).decode("latin-1").split(" ")
    writer.close()
    code = status[1] if len(status) > 1 else ""
    return "" if code.isdigit() and int(code) < 400 else f"status {code or 'unreadable'}"
