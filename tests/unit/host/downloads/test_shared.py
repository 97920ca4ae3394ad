"""Images that this machine has for all of its users."""

import errno
import hashlib
import os

import pytest

from labctl.core.errors import LabctlError
from labctl.host.downloads import shared
from labctl.host.downloads.download import RemoteFile, fetch
from labctl.host.downloads.https import RetryPolicy
from labctl.host.files import cache
from tests.answers import CONTENT

DIGEST = hashlib.sha256(CONTENT).hexdigest()
NOWHERE = "https://127.0.0.1:9/image.qcow2"
ONCE = RetryPolicy(attempts=1, backoff_s=0.01)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setenv(shared.VARIABLE, str(tmp_path))
    return tmp_path


def fetched(limit=1 << 30, seen=None):
    source = RemoteFile(NOWHERE, "sha256", DIGEST, limit)
    return fetch(source, lambda *step: seen.append(step) if seen is not None else None, policy=ONCE)


def test_one_with_the_digest_is_taken_and_nothing_is_asked_for(machine):
    (machine / f"sha256-{DIGEST}").write_bytes(CONTENT)
    part = cache.folder("downloads") / f"sha256-{DIGEST}.part"
    part.write_bytes(b"begun")
    seen = []
    assert fetched(seen=seen).read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert not part.exists()


def refused(limit=1 << 30):
    """What is told where it can't be downloaded either."""
    with pytest.raises(LabctlError) as error:
        fetched(limit)
    assert not (cache.folder("downloads") / f"sha256-{DIGEST}").exists()
    return error.value.hint


def test_where_there_is_none_nothing_is_told_of_it(machine):
    assert "copy" not in refused()


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", b""])
def test_one_with_another_content_does_not_count_and_is_told(machine, content):
    path = machine / f"sha256-{DIGEST}"
    path.write_bytes(content)
    assert refused().endswith(
        f"a copy that this machine has for all users is not used: {path}: its content has another sha256"
    )


def test_one_that_is_too_large_or_no_file_does_not_count_and_is_told(machine):
    path = machine / f"sha256-{DIGEST}"
    path.write_bytes(CONTENT)
    assert f"{path}: it has more than" in refused(limit=len(CONTENT) - 1)
    path.unlink()
    path.mkdir()
    assert f"{path}: not a file" in refused()
    path.rmdir()
    os.mkfifo(path)
    assert f"{path}: not a file" in refused()


def test_one_that_this_user_may_not_read_is_told(machine, monkeypatch):
    def closed(_path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(shared, "open_regular", closed)
    assert f"{machine}/sha256-{DIGEST}: can't read it: Permission denied" in refused()


def test_a_file_that_grows_while_it_is_read_fills_no_disk(machine):
    path = machine / f"sha256-{DIGEST}"
    path.write_bytes(CONTENT + b"x")
    sizes = []

    def grow(size, _total):
        sizes.append(size)
        with path.open("ab") as file:
            file.write(bytes(1 << 20))
        assert len(sizes) < 100

    with pytest.raises(LabctlError):
        fetch(RemoteFile(NOWHERE, "sha256", DIGEST, 1 << 30), grow, policy=ONCE)
    assert max(sizes) == len(CONTENT) + 1
