"""Downloads from a server that truncates, stalls, lies, redirects and swaps what it has."""

import hashlib
import threading
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.downloads.download import RESTARTS, RemoteFile, fetch, fetch_text
from labctl.host.downloads.https import RetryPolicy
from labctl.host.files import cache
from labctl.host.machine import space
from tests.answers import (
    CONTENT,
    MIB,
    OTHER,
    endless,
    head,
    html,
    ignores_range,
    no_range,
    other_range,
    promises_less,
    promises_more,
    promises_nothing,
    redirect,
    serving,
    stalled,
    status,
    truncated,
    whole,
)

DIGEST = hashlib.sha256(CONTENT).hexdigest()
QUICK = RetryPolicy(backoff_s=0.01)


def source(server, digest: str = DIGEST, algorithm: str = "sha256") -> RemoteFile:
    return RemoteFile(server.url, algorithm, digest)


def fetched(server, progress=lambda _done, _total: None) -> Path:
    return fetch(source(server), progress, policy=QUICK)


def leave_part(content: bytes) -> Path:
    """What a run that was killed has left."""
    part = cache.folder("downloads") / f"sha256-{DIGEST}.part"
    part.write_bytes(content)
    return part


def kept() -> list[str]:
    return [each.name for each in cache.folder("downloads").iterdir()]


def test_a_download_is_verified_and_told_of(server) -> None:
    server.answers = [whole]
    seen: list[tuple[int, int]] = []
    path = fetched(server, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_there_is_not_asked_for_again(server) -> None:
    server.answers = [whole]
    assert fetched(server) == fetched(server)
    assert server.requests == [""]


def test_sha512_works_as_well(server) -> None:
    server.answers = [whole]
    digest = hashlib.sha512(CONTENT).hexdigest()
    assert fetch(source(server, digest, "sha512"), lambda *_: None).name == f"sha512-{digest}"


def test_what_broke_off_is_resumed(server) -> None:
    server.answers = [truncated, whole]
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == ["", f"bytes={MIB}-"]


def test_what_stalls_is_resumed_where_it_stalled(server) -> None:
    server.answers = [stalled, whole]
    path = fetch(source(server), lambda *_: None, policy=RetryPolicy(backoff_s=0.01, stall_s=0.5))
    assert path.read_bytes() == CONTENT
    assert f"bytes={MIB}-" in server.requests


def test_what_a_killed_run_left_is_resumed(server) -> None:
    leave_part(CONTENT[:1000])
    server.answers = [whole]
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-"]
    assert kept() == [f"sha256-{DIGEST}"]


def test_a_part_that_has_all_of_it_needs_no_request(server) -> None:
    leave_part(CONTENT)
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == []


def test_a_server_that_sends_less_than_the_rest_is_asked_for_more(server) -> None:
    server.answers = [serving(CONTENT, MIB)]
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == ["", f"bytes={MIB}-", f"bytes={2 * MIB}-"]


def test_a_server_without_ranges_starts_over(server) -> None:
    leave_part(CONTENT[:1000])
    server.answers = [ignores_range]
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-"]


@pytest.mark.parametrize("answer", [other_range, no_range])
def test_a_server_with_wrong_ranges_is_asked_for_the_whole(server, answer) -> None:
    leave_part(CONTENT[:1000])
    server.answers = [answer, whole]
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-", ""]


def test_a_part_of_something_else_is_given_up(server) -> None:
    leave_part(OTHER[:1000])
    server.answers = [whole]
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-", ""]


def test_a_part_longer_than_the_file_is_given_up(server) -> None:
    leave_part(bytes(len(CONTENT) + 5))
    server.answers = [whole]
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == [f"bytes={len(CONTENT) + 5}-", ""]


def test_a_file_swapped_between_two_answers_is_fetched_anew(server) -> None:
    """The first MiB is of another file of the same length."""
    server.answers = [serving(OTHER, MIB), whole]
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == ["", f"bytes={MIB}-", ""]


def test_a_file_of_another_length_is_noticed_before_it_is_read(server) -> None:
    server.answers = [serving(OTHER + b"more", MIB), whole]
    seen: list[tuple[int, int]] = []
    assert fetched(server, lambda done, total: seen.append((done, total))).read_bytes() == CONTENT
    assert server.requests == ["", f"bytes={MIB}-", ""]
    assert (len(CONTENT), len(CONTENT)) in seen
    assert all(done <= MIB for done, total in seen if total != len(CONTENT))


def test_a_file_that_is_swapped_all_the_time_is_refused_in_the_end(server) -> None:
    broken, rest = serving(OTHER, MIB), serving(OTHER)
    server.answers = [broken, rest] * (RESTARTS + 5)
    with pytest.raises(LabctlError, match="wrong sha256"):
        fetched(server)
    assert len(server.requests) == 2 * (RESTARTS + 1)
    assert kept() == []


def test_a_length_that_promises_too_much_does_no_harm(server) -> None:
    server.answers = [promises_more]
    assert fetched(server).read_bytes() == CONTENT
    assert server.requests == [""]


def test_a_length_that_promises_too_little_is_a_wrong_digest(server) -> None:
    server.answers = [promises_less]
    with pytest.raises(LabctlError, match=f"wrong sha256: {len(CONTENT) - 5} bytes"):
        fetched(server)
    assert kept() == []


def test_a_length_that_is_not_told_does_no_harm(server) -> None:
    server.answers = [promises_nothing]
    seen: list[tuple[int, int]] = []
    assert fetched(server, lambda done, total: seen.append((done, total))).read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), 0)


@pytest.mark.parametrize("redirected", [False, True])
def test_a_download_without_an_end_is_bounded(server, redirected) -> None:
    """By what is expected of the file, not by the disk; nothing is kept of it."""
    server.answers = [*([redirect(server.url)] if redirected else []), endless]
    most = 0

    def progress(done: int, _total: int) -> None:
        nonlocal most
        most = max(most, done)

    expected = RemoteFile(server.url, "sha256", DIGEST, limit=2 * MIB)
    with pytest.raises(LabctlError, match=r"it has more than 2MiB.*nothing was kept") as error:
        fetch(expected, progress, policy=QUICK)
    assert error.value.where == server.url
    assert most <= 2 * MIB
    assert kept() == []
    assert len(server.requests) == 1 + redirected


def test_a_download_that_announces_too_much_is_refused_before_it_is_read(server) -> None:
    server.answers = [whole]
    with pytest.raises(LabctlError, match="it has more than 2MiB"):
        fetch(RemoteFile(server.url, "sha256", DIGEST, limit=2 * MIB), pytest.fail, policy=QUICK)
    assert kept() == []


def test_a_part_of_an_earlier_run_is_bounded_too(server) -> None:
    server.answers = [endless]
    leave_part(CONTENT[: 2 * MIB])
    with pytest.raises(LabctlError, match="it has more than 2MiB"):
        fetch(RemoteFile(server.url, "sha256", DIGEST, limit=2 * MIB), lambda *_: None, policy=QUICK)
    assert kept() == []


def test_a_text_without_an_end_is_bounded(server) -> None:
    server.answers = [endless]
    with pytest.raises(LabctlError, match="more than 1MiB: that is no text we need"):
        fetch_text(server.url, policy=QUICK)


def test_a_length_that_is_no_number_is_refused(server) -> None:
    server.answers = [lambda request: head(request, 200, None, Content_Length="many")]
    with pytest.raises(LabctlError, match="can't download"):
        fetched(server)


@pytest.mark.parametrize("code", [429, 500, 503])
def test_errors_of_the_server_are_tried_again(server, code) -> None:
    server.answers = [status(code), status(code), whole]
    assert fetched(server).read_bytes() == CONTENT


def test_but_not_for_ever(server) -> None:
    server.answers = [status(503)]
    with pytest.raises(LabctlError, match="503"):
        fetched(server)
    assert len(server.requests) == QUICK.attempts


def test_a_server_that_never_gets_further_is_given_up(server) -> None:
    """Each second answer makes the download start over, so that bytes come all the time."""
    server.answers = [truncated, status(416)] * 20
    with pytest.raises(LabctlError, match=r"less than was already downloaded|ended early|closed"):
        fetched(server)
    assert len(server.requests) <= 2 * QUICK.attempts


def test_what_is_not_there_is_said_at_once(server) -> None:
    server.answers = [status(404)]
    with pytest.raises(LabctlError, match="404") as raised:
        fetched(server)
    assert raised.value.where == server.url
    assert len(server.requests) == 1


def test_an_html_page_is_told_as_one_and_costs_nothing_that_is_there(server) -> None:
    part = leave_part(CONTENT[:1000])
    server.answers = [html]
    with pytest.raises(LabctlError, match="HTML page") as raised:
        fetched(server)
    assert "browser" in raised.value.hint
    assert part.read_bytes() == CONTENT[:1000]


def test_the_wrong_content_shows_both_digests_and_leaves_nothing(server) -> None:
    server.answers = [serving(OTHER)]
    with pytest.raises(LabctlError) as raised:
        fetched(server)
    assert DIGEST in str(raised.value)
    assert hashlib.sha256(OTHER).hexdigest() in str(raised.value)
    assert server.requests == [""]
    assert kept() == []


def test_an_interrupted_download_keeps_what_it_has(server) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done > MIB:
            raise KeyboardInterrupt

    server.answers = [whole]
    with pytest.raises(KeyboardInterrupt):
        fetched(server, interrupt)
    part = cache.folder("downloads") / f"sha256-{DIGEST}.part"
    assert part.read_bytes() == CONTENT[: part.stat().st_size]
    assert fetched(server).read_bytes() == CONTENT
    assert len(server.requests) == 2
    assert server.requests[1] != ""


def test_what_does_not_fit_is_refused_before_it_is_read_and_the_part_is_kept(server, monkeypatch) -> None:
    part = leave_part(CONTENT[:1000])
    monkeypatch.setattr(space, "MARGIN", 1 << 60)
    server.answers = [whole]
    with pytest.raises(LabctlError, match=r"no space left: \S+ more are needed") as raised:
        fetched(server)
    assert "free some space" in raised.value.hint
    assert part.read_bytes() == CONTENT[:1000]


def test_many_at_once_make_one_request(server) -> None:
    server.answers = [whole]
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(fetched(server))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1
    assert len(paths) == len(threads)
    assert len(server.requests) == 1


def test_a_part_is_never_written_through_a_link(server, tmp_path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (cache.folder("downloads") / f"sha256-{DIGEST}.part").symlink_to(victim)
    server.answers = [whole]
    with pytest.raises(LabctlError, match="can't write it"):
        fetched(server)
    assert victim.read_text() == "precious"


def test_a_password_in_the_address_is_not_shown(server) -> None:
    server.answers = [status(404)]
    url = server.url.replace("https://", "https://me:secret@")
    with pytest.raises(LabctlError) as raised:
        fetch(RemoteFile(url, "sha256", DIGEST), lambda *_: None)
    assert "secret" not in str(raised.value)


def test_a_text_is_fetched_and_tried_again(server) -> None:
    server.answers = [status(503), serving(b"abc", 2), serving("abc  né.img\n".encode())]
    assert fetch_text(server.url, policy=QUICK) == "abc  né.img\n"
    assert server.requests == ["", "", ""]


def test_a_text_is_no_more_than_its_limit(server) -> None:
    server.answers = [serving(bytes(1000))]
    assert fetch_text(server.url, limit=1000) == "\0" * 1000
    with pytest.raises(LabctlError, match="more than 999B"):
        fetch_text(server.url, limit=999)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (serving(b"\xff\xfe"), "not a text"),
        (html, "HTML page"),
        (status(404), "404"),
        (redirect("http://127.0.0.1:9/SHA256SUMS"), "not https"),
    ],
)
def test_what_is_no_text_is_refused(server, answer, what) -> None:
    server.answers = [answer]
    with pytest.raises(LabctlError, match=what) as raised:
        fetch_text(server.url)
    assert raised.value.where == server.url
