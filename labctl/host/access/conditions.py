"""`ready` conditions, checked inside a guest or from this machine."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labctl import resources
from labctl.host.access.transport import last_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.core.ip import IpAddress
    from labctl.host.access.transport import Transport

_TRY_S = 5.0


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
    done = await guest.run(script, timeout=None)
    return last_words(done.stdout + done.stderr) if done.exit_code else None


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
        for address in addresses or ("",):
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
                _reader, writer = await asyncio.open_connection(address, int(value))
                writer.close()
                return ""
            return await _http(value)
    except TimeoutError:
        return "no answer"
    except ConnectionError as error:
        return os.strerror(error.errno or 0)  # asyncio has words of its own
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
