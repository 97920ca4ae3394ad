"""A large file is hashed once for as long as it is the same."""

import hashlib
import json
import os

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files import digests
from labctl.host.files.digests import file_digest

ONE, OTHER = b"1" * 1024, b"2" * 1024


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache/digests/sha256.json"


@pytest.fixture
def settled(monkeypatch):
    """Files count as settled at once; nobody can set their ctime back."""
    monkeypatch.setattr(digests, "SETTLED_NS", -(10**9))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(ONE)
    return path


@pytest.fixture
def hashed(monkeypatch):
    """The files that were hashed, by inode."""
    inodes, count = [], hashlib.file_digest

    def counted(file, how):
        inodes.append(os.fstat(file.fileno()).st_ino)
        return count(file, how)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return inodes


@pytest.mark.usefixtures("settled")
def test_a_file_that_is_the_same_is_hashed_once(file, hashed, monkeypatch):
    assert file_digest(file) == file_digest(file) == sha256(ONE)
    monkeypatch.chdir(file.parent)
    assert file_digest(file.relative_to(file.parent)) == sha256(ONE)
    assert hashed == [file.stat().st_ino]


@pytest.mark.usefixtures("settled")
def test_an_edit_that_keeps_size_and_mtime_is_seen(file):
    file_digest(file)
    before = file.stat()
    file.write_bytes(OTHER)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_digest(file) == sha256(OTHER)


@pytest.mark.usefixtures("settled")
def test_a_file_that_was_put_in_its_place_is_seen(file):
    file_digest(file)
    other = file.with_name("other")
    other.write_bytes(OTHER)
    other.replace(file)
    assert file_digest(file) == sha256(OTHER)


def test_a_file_that_was_just_written_is_hashed_again(file, cache):
    """It may change once more within the same tick of the clock."""
    file_digest(file)
    assert not cache.exists()


def test_a_file_that_changes_while_it_is_hashed_is_an_error(file, monkeypatch):
    def written_to(opened, _how):
        file.write_bytes(OTHER + ONE)
        return hashlib.sha256(opened.read())

    monkeypatch.setattr(hashlib, "file_digest", written_to)
    with pytest.raises(LabctlError, match="written to while it was read"):
        file_digest(file)


def test_what_is_no_regular_file_is_refused(tmp_path):
    (tmp_path / "null").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "fifo")
    for name in ("null", "fifo", "."):
        with pytest.raises(LabctlError, match="not a regular file"):
            file_digest(tmp_path / name)


@pytest.mark.usefixtures("settled")
def test_a_digest_is_remembered_of_the_file_that_was_hashed(file, monkeypatch):
    """Not of the one that the path led to before and after."""
    other, kept = file.with_name("other"), file.with_name("kept")
    other.write_bytes(OTHER)
    opened = os.open

    def swapping(path, *arguments, **options):
        if path != file:
            return opened(path, *arguments, **options)
        file.rename(kept)
        other.rename(file)
        try:
            return opened(path, *arguments, **options)
        finally:
            file.rename(other)
            kept.rename(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", swapping)
        file_digest(file)
    assert file_digest(file) == sha256(ONE)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", "12", "[1]", "\xff"])
def test_a_broken_cache_is_as_none(file, cache, content):
    file_digest(file)
    cache.write_bytes(content.encode("latin-1"))
    assert file_digest(file) == sha256(ONE)
    assert list(json.loads(cache.read_text()).values()) == [sha256(ONE)]


@pytest.mark.usefixtures("settled")
def test_what_somebody_else_wrote_is_not_believed(file, cache, monkeypatch):
    file_digest(file)
    cache.write_text(cache.read_text().replace(sha256(ONE), sha256(OTHER)))
    monkeypatch.setattr(os, "geteuid", lambda: cache.stat().st_uid + 1)
    assert file_digest(file) == sha256(ONE)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("how", ["others may write to it", "a link", "too big"])
def test_nor_is_what_somebody_else_could_have_written(file, cache, how):
    file_digest(file)
    cache.write_text(cache.read_text().replace(sha256(ONE), sha256(OTHER)))
    if how == "a link":
        cache.symlink_to(cache.rename(cache.with_name("other")))
    elif how == "too big":
        cache.write_text(cache.read_text().ljust(digests.MOST_BYTES + 1))
    else:
        cache.chmod(0o666)
    assert file_digest(file) == sha256(ONE)


@pytest.mark.usefixtures("settled")
def test_a_cache_that_cannot_be_written_is_no_error(file, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "file"))
    assert file_digest(file) == sha256(ONE)


@pytest.mark.usefixtures("settled")
def test_the_cache_is_for_its_owner_alone_and_holds_the_latest(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(digests, "MOST", 2)
    for name in "abc":
        (tmp_path / name).write_text(name)
        file_digest(tmp_path / name)
    assert [state[-1] for state in json.loads(cache.read_text())] == ["b", "c"]
    assert (cache.stat().st_mode & 0o777, cache.parent.stat().st_mode & 0o777) == (0o600, 0o700)
