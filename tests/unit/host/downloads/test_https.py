"""Who is asked, who is trusted, and how long it is tried."""

import select
import socket
import threading
from contextlib import contextmanager, suppress

import httpx
import pytest

from labctl.core.errors import LabctlError
from labctl.host.downloads.download import fetch_text
from labctl.host.downloads.https import Retry, RetryPolicy, with_retries, without_password
from tests.answers import head, redirect, serving, status

QUICK = RetryPolicy(backoff_s=0.0)
TEXT = serving(b"a text")


@contextmanager
def proxy(answer: bytes):
    """A proxy that gives that answer and then passes on what comes; yields its port and what it was asked for."""
    asked: list[str] = []

    def pass_on(client: socket.socket) -> None:
        asked.append(client.recv(65536).split(b"\r\n")[0].decode())
        client.sendall(answer)
        if b" 200 " not in answer:
            return client.close()
        host, _, port = asked[-1].split()[1].partition(":")
        with client, socket.create_connection((host, int(port))) as server:
            ends = {client: server, server: client}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return None
                    ends[end].sendall(data)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=pass_on, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], asked


def test_redirects_are_followed(server) -> None:
    server.answers = [redirect("/mirror/SHA256SUMS"), redirect(server.url), TEXT]
    assert fetch_text(server.url) == "a text"


def test_but_not_to_http(server) -> None:
    """Nothing is sent there: the port is the server's own."""
    server.answers = [redirect(server.url.replace("https", "http")), TEXT]
    with pytest.raises(LabctlError, match="not https") as raised:
        fetch_text(server.url)
    assert len(server.requests) == 1
    assert "https address" in raised.value.hint


def test_a_client_of_someone_elses_does_not_follow_to_http_either(server) -> None:
    server.answers = [redirect(server.url.replace("https", "http")), TEXT]
    with httpx.Client(follow_redirects=True) as client, pytest.raises(LabctlError, match="not https"):
        fetch_text(server.url, client=client)


def test_redirects_in_a_circle_come_to_an_end(server) -> None:
    server.answers = [redirect("/")]
    with pytest.raises(LabctlError, match="more than 10 redirects"):
        fetch_text(server.url)


def test_a_redirect_does_not_get_the_password(server) -> None:
    """127.0.0.1 and localhost are different hosts to HTTP, and the password is the first one's."""
    seen: list[str | None] = []

    def noting(answer):
        def noted(request) -> None:
            seen.append(request.headers.get("Authorization"))
            answer(request)

        return noted

    other = server.url.replace("127.0.0.1", "localhost")
    server.answers = [noting(redirect(other)), noting(TEXT)]
    assert fetch_text(server.url.replace("https://", "https://me:secret@"), policy=QUICK) == "a text"
    assert seen == ["Basic bWU6c2VjcmV0", None]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "x", ""])
def test_only_https_is_asked(url) -> None:
    with pytest.raises(LabctlError, match="not https"):
        fetch_text(url)


def test_an_unknown_authority_is_not_trusted_and_not_asked_twice(server, monkeypatch, tmp_path) -> None:
    (tmp_path / "none.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    server.answers = [TEXT]
    with pytest.raises(LabctlError, match=r"(?i)certificate") as raised:
        fetch_text(server.url, policy=RetryPolicy(backoff_s=1000.0))
    assert "SSL_CERT_FILE" in raised.value.hint
    assert server.requests == []


def test_a_host_that_is_not_there_is_given_up(monkeypatch) -> None:
    with pytest.raises(LabctlError, match="can't download"):
        fetch_text("https://127.0.0.1:1/x", policy=QUICK)


def test_the_environments_proxy_is_used(server, monkeypatch) -> None:
    server.answers = [TEXT]
    with proxy(b"HTTP/1.1 200 OK\r\n\r\n") as (port, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert fetch_text(server.url) == "a text"
    assert asked == [f"CONNECT {httpx.URL(server.url).netloc.decode()} HTTP/1.1"]


def test_a_proxy_that_refuses_us_is_asked_once(server, monkeypatch) -> None:
    with proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as (port, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(LabctlError, match="the proxy answers 407") as raised:
            fetch_text(server.url, policy=RetryPolicy(backoff_s=1000.0))
    assert len(asked) == 1
    assert "HTTPS_PROXY" in raised.value.hint


def test_a_proxy_that_is_none_is_told(monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(LabctlError, match="can't use the environment's proxy"):
        fetch_text("https://127.0.0.1:1/x")


@pytest.mark.parametrize("code", [201, 204, 206, 304, 401, 410, 416])
def test_any_other_answer_is_an_error_at_once(server, code) -> None:
    server.answers = [status(code)]
    with pytest.raises(LabctlError, match=f"the server answers {code}"):
        fetch_text(server.url)
    assert len(server.requests) == 1


def test_a_reason_of_the_server_is_shown(server) -> None:
    def answer(request) -> None:
        request.send_response(403, "Not From Here")
        request.end_headers()

    server.answers = [answer]
    with pytest.raises(LabctlError, match="403 Not From Here"):
        fetch_text(server.url)


def test_xhtml_is_a_page_too(server) -> None:
    server.answers = [lambda request: head(request, 200, 0, Content_Type="application/xhtml+xml")]
    with pytest.raises(LabctlError, match="HTML page"):
        fetch_text(server.url)


def test_attempts_that_get_further_do_not_count() -> None:
    reached = iter(range(100))
    at = 0

    def once() -> None:
        nonlocal at
        at = next(reached)
        if at < 50:
            raise Retry("not yet")

    with_retries(once, lambda: at, "somewhere", QUICK)
    assert at == 50


def test_attempts_that_do_not_get_further_than_ever_do_count() -> None:
    tried = 0

    def once() -> None:
        nonlocal tried
        tried += 1
        raise Retry("no")

    with pytest.raises(LabctlError, match="can't download: no"):
        with_retries(once, lambda: 10 if tried % 2 else 0, "somewhere", QUICK)
    assert tried == QUICK.attempts


def test_passwords_are_not_shown() -> None:
    assert without_password("https://me:secret@host/x?y=1") == "https://host/x?y=1"
    assert without_password("https://host/x") == "https://host/x"
