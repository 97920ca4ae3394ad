"""What a server may answer: CONTENT as it should be, and in all the ways in which it should not."""

import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

Answer = Callable[[BaseHTTPRequestHandler], None]

MIB = 1 << 20
CONTENT = os.urandom(3 * MIB)
OTHER = os.urandom(3 * MIB)


def head(request: BaseHTTPRequestHandler, code: int, length: int | None, **headers: str) -> None:
    request.send_response(code)
    if length is not None:
        request.send_header("Content-Length", str(length))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


def begin(request: BaseHTTPRequestHandler) -> int:
    """Where the part that was asked for begins."""
    return int(request.headers.get("Range", "bytes=0-")[6:-1])


def whole(request: BaseHTTPRequestHandler) -> None:
    """The file, or the part of it that was asked for."""
    serving(CONTENT)(request)


def serving(content: bytes, most: int | None = None) -> Answer:
    """This content, at most so many bytes of it at once where a range was asked for."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        start = begin(request)
        if start >= len(content):
            return status(416)(request)
        if not start:
            head(request, 200, len(content))
            request.wfile.write(content[:most])
        else:
            part = content[start:][:most]
            told = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
            head(request, 206, len(part), Content_Range=told)
            request.wfile.write(part)
        return None

    return answer


def truncated(request: BaseHTTPRequestHandler) -> None:
    head(request, 200, len(CONTENT))
    request.wfile.write(CONTENT[:MIB])


def stalled(request: BaseHTTPRequestHandler) -> None:
    """Says nothing more until the client has had enough."""
    truncated(request)
    request.wfile.flush()
    request.rfile.read(1)


def promises_more(request: BaseHTTPRequestHandler) -> None:
    head(request, 200, len(CONTENT) + 5)
    request.wfile.write(CONTENT)


def promises_less(request: BaseHTTPRequestHandler) -> None:
    head(request, 200, len(CONTENT) - 5)
    request.wfile.write(CONTENT)


def promises_nothing(request: BaseHTTPRequestHandler) -> None:
    head(request, 200, None)
    request.wfile.write(CONTENT)


def ignores_range(request: BaseHTTPRequestHandler) -> None:
    head(request, 200, len(CONTENT))
    request.wfile.write(CONTENT)


def other_range(request: BaseHTTPRequestHandler) -> None:
    """Says that it goes on, somewhere else."""
    head(request, 206, len(CONTENT) - 5, Content_Range=f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}")
    request.wfile.write(CONTENT[5:])


def no_range(request: BaseHTTPRequestHandler) -> None:
    head(request, 206, len(CONTENT))
    request.wfile.write(CONTENT)


def html(request: BaseHTTPRequestHandler) -> None:
    page = b"<!doctype html><title>log in</title>"
    head(request, 200, len(page), Content_Type="text/html; charset=utf-8")
    request.wfile.write(page)


def status(code: int) -> Answer:
    return lambda request: head(request, code, 0)


def redirect(target: str) -> Answer:
    return lambda request: head(request, 302, 0, Location=target)


def zeros(size: int) -> Answer:
    """So many zeros, never all in memory."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        head(request, 200, size)
        piece = bytes(MIB)
        for _ in range(size // MIB):
            request.wfile.write(piece)

    return answer


def endless(request: BaseHTTPRequestHandler) -> None:
    """A body without a length that never ends."""
    head(request, 200, None)
    while True:
        request.wfile.write(CONTENT)


def by_path(answers: dict[str, Answer]) -> Answer:
    """What each file of the server answers; 404 for the others."""
    return lambda request: answers.get(request.path.rpartition("/")[2], status(404))(request)


def after(event: threading.Event, answer: Answer, first: int = 0) -> Answer:
    """The first bytes of CONTENT at once, where they are wanted, and that answer when the event is set."""

    def held(request: BaseHTTPRequestHandler) -> None:
        if first:
            head(request, 200, len(CONTENT))
            request.wfile.write(CONTENT[:first])
            request.wfile.flush()
        event.wait(300)
        if not first:
            answer(request)

    return held
