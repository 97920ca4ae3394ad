"""A https server of our own with an authority of its own, which misbehaves as it is told."""

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.answers import Answer


class Server:
    """Answers each request with the next of `answers`, the last one for ever; `requests` are the Range headers seen."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.answers: list[Answer] = []
        self.requests: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.requests.append(self.headers.get("Range", ""))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                self.close_connection = True
                answer(self)

            def log_message(self, *_arguments: object) -> None:
                pass

        class Threading(http.server.ThreadingHTTPServer):
            request_queue_size = 64

            def handle_error(self, *_arguments: object) -> None:
                """A client that leaves early is what many tests are about."""

        self._server = Threading(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}/disk.img"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, also as localhost, that is its own authority, with its key in one file."""
    folder = tmp_path_factory.mktemp("tls")
    request = [
        "openssl",
        "req",
        "-x509",
        "-nodes",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ]
    whose = [
        "-days",
        "2",
        "-subj",
        "/CN=labctl tests",
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
    ]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(
        [*request, *whose, *files],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def server(authority: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """The server, which this process trusts, and an empty cache."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "cert.pem"))
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = Server(context)
    yield running
    running.close()
