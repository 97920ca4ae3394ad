"""`ready` conditions, in a guest and from this machine."""

import asyncio
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from labctl.host.access.conditions import unmet_from_here, unmet_in_guest
from labctl.host.access.port_transport import PortTransport
from tests.unit.guest_port import ScriptSession, running_script

HERE = [ip_address("127.0.0.1")]


@asynccontextmanager
async def page():
    """An HTTP server that has one page; gives its port."""

    async def answer(reader, writer):
        words = (await reader.readline()).split()
        writer.write(b"HTTP/1.0 %s\r\n\r\n" % (b"200 OK" if words[1:2] == [b"/page"] else b"404 Not Found"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "shell", [["dash"], ["busybox", "sh"], ["bash", "--posix"]], ids=lambda each: each[0]
)
def test_a_guest_tries_until_they_hold_or_says_why_not(tmp_path, shell):
    async def check(end):
        session = ScriptSession(end)
        await session.open("shop.web")
        guest = PortTransport(session)
        late = f"test -e {tmp_path}/there || {{ touch {tmp_path}/there; false; }}"
        async with page() as port:
            holding = [("exec", late), ("tcp", f"{port}"), ("http", f"http://127.0.0.1:{port}/page")]
            found = await asyncio.gather(*(unmet_in_guest(guest, *each, 20, 1) for each in holding))
            assert found == [None, None, None]
            missing = ("http", f"http://127.0.0.1:{port}/other")
            assert "404" in await unmet_in_guest(guest, *missing, 1, 1)
        assert await unmet_in_guest(guest, "tcp", f"{port}", 1, 1) == f"nothing listens on port {port}"
        assert await unmet_in_guest(guest, "exec", "echo 'not today'; false", 1, 1) == "not today"
        assert await unmet_in_guest(guest, "exec", "sleep 100", 1, 1) in ("", "Terminated")
        session.close()

    with running_script(tmp_path, shell) as end:
        asyncio.run(check(end))


def test_this_machine_tries_every_address():
    async def check():
        async with page() as port:
            assert await unmet_from_here("tcp", f"{port}", [ip_address("127.0.0.2"), *HERE], 5, 0.1) is None
            assert await unmet_from_here("http", f"http://127.0.0.1:{port}/page", [], 5, 0.1) is None
            assert await unmet_from_here("http", f"http://127.0.0.1:{port}/", [], 0, 0.1) == "status 404"
        assert "refused" in await unmet_from_here("tcp", f"{port}", HERE, 0, 0.1)
        assert await unmet_from_here("tcp", "22", [], 5, 0.1) == "the host has no address of it to try"

    asyncio.run(check())
