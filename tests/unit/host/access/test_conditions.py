"""`ready` conditions, in a guest and from this machine."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from labctl.host.access import conditions
from labctl.host.access.conditions import unmet_from_here, unmet_in_guest
from labctl.host.access.port_transport import PortTransport
from tests.unit.guest_port import ScriptSession, running_script

HUNG_UP, RESET = "it hung up", "Connection reset by peer"
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
            missing = unmet_in_guest(guest, "http", f"http://127.0.0.1:{port}/other", 1, 1)
            *found, why = await asyncio.gather(
                *(unmet_in_guest(guest, *each, 20, 1) for each in holding), missing
            )
            assert found == [None, None, None]
            assert "404" in why
        never = [("tcp", f"{port}"), ("exec", "echo 'not today'; false"), ("exec", "sleep 100")]
        told = await asyncio.gather(*(unmet_in_guest(guest, *each, 1, 1) for each in never))
        assert told[:2] == [f"nothing listens on port {port}", "not today"]
        assert told[2] in ("", "Terminated")
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


@asynccontextmanager
async def hostile(answer, *, tls=None):
    """A server that sends these bytes to whoever connects and hangs up; with None it never answers. Gives its port."""
    asked = []

    async def serve(reader, writer):
        asked.append(writer.get_extra_info("sockname"))
        await reader.read(65536)  # what closes with some of the request unread resets the connection
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


async def asked_once(kind, value):
    return await unmet_from_here(kind, value, HERE, 0, 0.1)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", HUNG_UP),
        (b"HTTP/1.0 200", HUNG_UP),  # half a line
        (b"SSH-2.0-OpenSSH_9.2\r\n", "its answer is not HTTP"),
        (b"HTTP/1.0 200OK\r\n", "its answer is not HTTP"),
        (b"HTTP/1.0 \xb2\xb0\xb0 OK\r\n", "its answer is not HTTP"),  # digits to Python's isdigit
        (b"HTTP/1.0 " + "\u0662\u0660\u0660".encode() + b" OK\r\n", "its answer is not HTTP"),
        (b"HTTP/1.0 -200 OK\r\n", "its answer is not HTTP"),
        (b"HTTP/1.0 000 OK\r\n", "its answer is not HTTP"),
        (b"HTTP/1.0 2000000 OK\r\n", "its answer is not HTTP"),
        (b"HTTP/1.0 " + b"9" * 5000 + b" OK\r\n", "its answer is not HTTP"),
        (b"HTTP/9 200 OK\r\n", "its answer is not HTTP"),
        (b"x" * 1_000_000, "its answer is not HTTP"),  # a line without end
        (b"\0" * 100 + b"\n", "its answer is not HTTP"),
        (b"\n", "its answer is not HTTP"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "status 100"),
        (b"HTTP/1.0 404 \x1b[31m\r\n\r\n", "status 404"),
        (b"HTTP/1.0 503\r\n\r\n", "status 503"),
    ],
)
def test_what_is_no_answer_is_told_and_is_no_error(answer, why):
    async def check():
        async with hostile(answer) as (port, _asked):
            assert await asked_once("http", f"http://127.0.0.1:{port}/") == why

    asyncio.run(check())


def test_headers_without_end_are_not_read():
    async def check():
        async with hostile(b"HTTP/1.0 200 OK\r\n" + b"X: " + b"x" * 10_000_000) as (port, _asked):
            assert await asked_once("http", f"http://127.0.0.1:{port}/") is None

    asyncio.run(check())


def test_a_redirection_is_an_answer_and_is_not_followed():
    async def check():
        async with hostile(b"HTTP/1.0 200 OK\r\n\r\n") as (elsewhere, asked):
            away = f"HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/\r\n\r\n".encode()
            async with hostile(away) as (port, _asked):
                assert await asked_once("http", f"http://127.0.0.1:{port}/") is None
            assert asked == []

    asyncio.run(check())


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 200 OK\r\n\r\n", b"\x16\x03\x03\x00\x02\x02\x28"])
def test_https_needs_its_handshake(answer):
    """Also a peer that hangs up in it has not answered."""

    async def check():
        async with hostile(answer) as (port, _asked):
            why = await asked_once("http", f"https://127.0.0.1:{port}/")
            assert why in (HUNG_UP, RESET) or why.startswith("no TLS there: ")

    asyncio.run(check())


def test_https_needs_a_certificate_that_this_machine_knows(authority, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")

    async def check():
        async with hostile(b"HTTP/1.0 200 OK\r\n\r\n", tls=context) as (port, _asked):
            why = await asked_once("http", f"https://127.0.0.1:{port}/")
            assert why.startswith("its certificate is not valid here: ")
            monkeypatch.setenv("SSL_CERT_FILE", str(authority / "cert.pem"))
            assert await asked_once("http", f"https://127.0.0.1:{port}/") is None

    asyncio.run(check())


def test_who_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(conditions, "_TRY_S", 0.2)

    async def check():
        async with hostile(None) as (port, _asked):
            assert await asked_once("http", f"http://127.0.0.1:{port}/") == "no answer"
            assert await asked_once("http", f"https://127.0.0.1:{port}/") == "no answer"

    asyncio.run(check())


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("http", "http://127.0.0.1:99999/"),
        ("http", "http://127.0.0.1:-1/"),
        ("http", "http://127.0.0.1:x/"),
        ("http", "http:///page"),  # without a host it would ask this machine
        ("http", "http://[::1/"),
        ("tcp", "99999"),
        ("tcp", "x"),
    ],
)
def test_what_can_t_be_asked_is_not_met(kind, value):
    assert "it can't be asked: " in asyncio.run(asked_once(kind, value))
