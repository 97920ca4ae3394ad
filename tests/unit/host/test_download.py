"""Downloads from a server that truncates, stalls, lies, redirects and swaps what it has."""

import hashlib
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from labctl.core.errors import LabctlError
from labctl.host import cache, download
from labctl.host.download import Source, fetch

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = os.urandom(3 << 20)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BACKOFF_S", 0.01)
    monkeypatch.setattr(download, "STALL_S", 0.5)


def whole(request, content=CONTENT) -> None:
    """The file, or the part of it that was asked for."""
    start = int(request.headers.get("Range", "bytes=0-")[6:-1])
    if start >= len(content):
        return status(416)(request)
    request.send_response(206 if start else 200)
    request.send_header("Content-Length", str(len(content) - start))
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    request.end_headers()
    request.wfile.write(content[start:])
    return None


def truncated(request) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(CONTENT)))
    request.end_headers()
    request.wfile.write(CONTENT[: 1 << 20])


def stalled(request) -> None:
    truncated(request)
    request.wfile.flush()
    time.sleep(2)


def ignores_range(request) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(CONTENT)))
    request.end_headers()
    request.wfile.write(CONTENT)


def wrong_range(request) -> None:
    """Says that it continues, somewhere else."""
    request.send_response(206)
    request.send_header("Content-Range", f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}")
    request.send_header("Content-Length", str(len(CONTENT)))
    request.end_headers()
    request.wfile.write(CONTENT)


def status(code: int):
    def answer(request) -> None:
        request.send_response(code)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def redirect(target: str):
    def answer(request) -> None:
        request.send_response(302)
        request.send_header("Location", target)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def source(server, digest: str = DIGEST, algorithm: str = "sha256") -> Source:
    return Source(server.url, algorithm, digest)


def silent(_done: int, _total: int) -> None:
    pass


def test_a_download_is_verified_and_told_of(server) -> None:
    server.answers = [whole]
    seen: list[tuple[int, int]] = []
    path = fetch(source(server), lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_sha512_works_as_well(server) -> None:
    server.answers = [whole]
    digest = hashlib.sha512(CONTENT).hexdigest()
    assert fetch(source(server, digest, "sha512"), silent).name == f"sha512-{digest}"


@pytest.mark.parametrize("trouble", [truncated, stalled])
def test_what_broke_off_is_resumed(server, trouble) -> None:
    server.answers = [trouble, whole]
    assert fetch(source(server), silent).read_bytes() == CONTENT
    assert server.requests[0] == ""
    assert server.requests[1].startswith("bytes=")


def test_a_run_that_was_killed_is_resumed_by_the_next(server) -> None:
    (cache.folder("downloads") / f"sha256-{DIGEST}.part").write_bytes(CONTENT[:1000])
    server.answers = [whole]
    assert fetch(source(server), silent).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-"]


@pytest.mark.parametrize("answer", [ignores_range, wrong_range])
def test_a_server_without_ranges_starts_over(server, answer) -> None:
    (cache.folder("downloads") / f"sha256-{DIGEST}.part").write_bytes(CONTENT[:1000])
    server.answers = [answer]
    assert fetch(source(server), silent).read_bytes() == CONTENT


def test_a_part_of_something_else_is_given_up(server) -> None:
    (cache.folder("downloads") / f"sha256-{DIGEST}.part").write_bytes(b"x" * 1000)
    server.answers = [whole]
    assert fetch(source(server), silent).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-", ""]


def test_a_part_longer_than_the_file_is_given_up(server) -> None:
    (cache.folder("downloads") / f"sha256-{DIGEST}.part").write_bytes(bytes(len(CONTENT) + 5))
    server.answers = [whole]
    assert fetch(source(server), silent).read_bytes() == CONTENT


def test_errors_of_the_server_are_tried_again(server) -> None:
    server.answers = [status(503), status(500), whole]
    assert fetch(source(server), silent).read_bytes() == CONTENT


def test_but_not_for_ever(server) -> None:
    server.answers = [status(503)]
    with pytest.raises(LabctlError, match="503"):
        fetch(source(server), silent)
    assert len(server.requests) == download.ATTEMPTS


def test_what_is_not_there_is_said_at_once(server) -> None:
    server.answers = [status(404)]
    with pytest.raises(LabctlError, match="404") as raised:
        fetch(source(server), silent)
    assert raised.value.where == server.url
    assert len(server.requests) == 1


def test_the_wrong_content_shows_both_digests_and_leaves_nothing(server) -> None:
    server.answers = [lambda request: whole(request, b"swapped")]
    with pytest.raises(LabctlError) as raised:
        fetch(source(server), silent)
    assert DIGEST in str(raised.value)
    assert hashlib.sha256(b"swapped").hexdigest() in str(raised.value)
    assert list(cache.folder("downloads").iterdir()) == []


def test_a_redirect_is_followed(server) -> None:
    server.answers = [redirect("/mirror/disk.img"), whole]
    assert fetch(source(server), silent).read_bytes() == CONTENT


def test_but_not_to_http(server) -> None:
    server.answers = [redirect("http://127.0.0.1:9/disk.img")]
    with pytest.raises(LabctlError, match="not https"):
        fetch(source(server), silent)


def test_an_unknown_authority_is_not_trusted(server, monkeypatch, tmp_path) -> None:
    (tmp_path / "none.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    server.answers = [whole]
    with pytest.raises(LabctlError, match=r"(?i)certificate") as raised:
        fetch(source(server), silent)
    assert "SSL_CERT_FILE" in raised.value.hint
    assert server.requests == []


def test_many_at_once_make_one_request(server) -> None:
    server.answers = [whole]
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(fetch(source(server), silent))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1
    assert len(paths) == len(threads)
    assert len(server.requests) == 1


def test_a_password_in_the_address_is_not_shown(server) -> None:
    server.answers = [status(404)]
    url = server.url.replace("https://", "https://me:secret@")
    with pytest.raises(LabctlError) as raised:
        fetch(Source(url, "sha256", DIGEST), silent)
    assert "secret" not in str(raised.value)
