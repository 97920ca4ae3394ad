"""Images that this machine has for all of its users."""

import hashlib

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


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", b""])
def test_one_with_another_content_does_not_count(machine, content):
    (machine / f"sha256-{DIGEST}").write_bytes(content)
    with pytest.raises(LabctlError):
        fetched()
    assert not (cache.folder("downloads") / f"sha256-{DIGEST}").exists()


def test_one_that_is_too_large_or_no_file_does_not_count(machine):
    (machine / f"sha256-{DIGEST}").write_bytes(CONTENT)
    with pytest.raises(LabctlError):
        fetched(limit=len(CONTENT) - 1)
    (machine / f"sha256-{DIGEST}").unlink()
    (machine / f"sha256-{DIGEST}").mkdir()
    with pytest.raises(LabctlError):
        fetched()
