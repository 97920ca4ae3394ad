"""The console log of a VM, which its guest writes."""

from collections import deque
from types import SimpleNamespace

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access import console
from tests.unit.core.test_text import HOSTILE


@pytest.fixture
def log(monkeypatch):
    """Lets the log have this content; gives what was asked of it."""
    asked = []

    def have(data):
        def download(_virt, _pool, _name, *, offset):
            asked.append(offset)
            if isinstance(data, Exception):
                raise data
            return data[offset:]

        monkeypatch.setattr(console.pools, "find", lambda _virt, _name: "pool")
        monkeypatch.setattr(console.pools, "refresh", lambda _pool: None)
        monkeypatch.setattr(console.volumes, "names", lambda _pool: ["web.root", "web.console", "db.console"])
        monkeypatch.setattr(console.volumes, "download", download)
        return asked

    return have


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_log_is_text(log, hostile):
    log(f"boot\r\n\x1b[1;32mok\x1b[0m{hostile} 日本\tend\r\n".encode("utf-8", "replace"))
    text = console.read(None, "shop", "web")
    assert text.replace("\n", "").replace("\t", "").isprintable()


def test_a_log_keeps_its_words_and_lines(log):
    log(b"boot\r\n\x1b[1;32m[ OK ]\x1b[0m a\tb\r\n\x1b(B\xe2\x82\xac\x1b[?25l\n")
    assert console.read(None, "shop", "web") == "boot\n[ OK ] a\tb\n€\n"


def test_no_more_of_a_log_is_read_than_is_shown(log):
    asked = log(b"x" * 1000 + b"\n" + b"last\n" * 100)
    assert console.read(None, "shop", "web")
    assert console.tail(None, "shop", "web", lines=2) == "last\nlast"
    assert asked == [-console.LOG_BYTES, -console.TAIL_BYTES]


def test_a_long_line_of_a_tail_is_cut(log):
    log(b"x" * 1000)
    assert console.tail(None, "shop", "web") == "x" * 300 + "… (700 more characters)"


def test_a_tail_says_why_it_is_none(log):
    log(LabctlError("no such volume"))
    assert console.tail(None, "shop", "web") == "(the console log can't be read: no such volume)"


class Rotated:
    """A log as virtlogd keeps it: a file of at most `most` bytes, and three older ones."""

    def __init__(self, monkeypatch, most):
        self.most, self.files, self.known, self.written = most, deque([b""], maxlen=4), {}, 0
        self.pool = SimpleNamespace(isActive=lambda: True, refresh=self.refresh)
        monkeypatch.setattr(console.pools, "find", lambda _virt, _name: self.pool)
        monkeypatch.setattr(console.pools, "lookup", lambda _virt, _name: self.pool)
        monkeypatch.setattr(console.pools, "refresh", lambda pool: pool.refresh())
        monkeypatch.setattr(console.volumes, "stamps", self.stamps)
        monkeypatch.setattr(console.volumes, "names", lambda _pool: list(self.known))
        monkeypatch.setattr(console.volumes, "find", lambda _pool, name: name if name in self.known else None)
        monkeypatch.setattr(console.volumes, "file_size", lambda _pool, name: len(self.volumes()[name]))
        monkeypatch.setattr(console.volumes, "download", self.download)

    def volumes(self):
        names = ["web.console", *(f"web.console.{number}" for number in range(3))]
        return dict(zip(names, self.files, strict=False))

    def refresh(self):
        self.known = self.volumes()

    def stamps(self, _pool, names):
        return {name: f"{len(self.files[0])} {self.written}" for name in names if name in self.known}

    def download(self, _virt, _pool, name, *, offset=0, length=0):
        data = self.volumes()[name][offset:]
        return data[:length] if length else data

    def write(self, data):
        for at in range(0, len(data), 10):
            if len(self.files[0]) + 10 > self.most:
                self.files.appendleft(b"")
            self.files[0] += data[at : at + 10]
        self.written += len(data)


@pytest.fixture
def text():
    return b"".join(b"line %04d\n" % number for number in range(1000))


@pytest.mark.parametrize("step", [10, 30, 470, 1000, 2500])
def test_a_log_is_followed_through_rotations(monkeypatch, text, step):
    log, follower = Rotated(monkeypatch, 1000), console.Follower("shop", "web")
    told = b""
    for at in range(0, len(text), step):
        log.write(text[at : at + step])
        told += follower.news(None)
    assert told == text


@pytest.mark.parametrize("read", [10000, 10500])
def test_two_files_that_end_alike_are_told_apart(monkeypatch, read):
    """Long lines of one character do, and several files are begun between two looks."""
    text = b"".join(b"%03d %s\n" % (number, b"x" * 1000) for number in range(50))
    log, follower = Rotated(monkeypatch, 10000), console.Follower("shop", "web")
    log.write(text[:read])
    assert follower.news(None) == text[:read]
    log.write(text[read:35000])
    assert follower.news(None) == text[read:35000]


def test_of_a_log_that_was_rotated_away_the_rest_is_told(monkeypatch, text):
    log, follower = Rotated(monkeypatch, 1000), console.Follower("shop", "web")
    log.write(text[:500])
    assert follower.news(None) == text[:500]
    log.write(text[500:])
    assert follower.news(None) == text[-4000:]
    assert follower.news(None) == b""


def test_another_boot_is_followed_from_its_first_byte(monkeypatch, text):
    log, follower = Rotated(monkeypatch, 1000), console.Follower("shop", "web")
    log.write(text[:2500])
    assert follower.news(None) == text[:2500]
    log.files = deque([b""], maxlen=4)
    log.write(b"boot\n")
    assert follower.news(None) == b"boot\n"


def test_a_log_that_is_not_there_yet_is_waited_for(monkeypatch):
    log, follower = Rotated(monkeypatch, 1000), console.Follower("shop", "web")
    there, log.files = log.files, deque()
    assert follower.news(None) == b""
    log.files = there
    assert follower.news(None) == b""
    log.write(b"first\n")
    assert follower.news(None) == b"first\n"


def test_who_follows_a_log_does_not_start_the_pool_that_somebody_stops(monkeypatch):
    """`destroy` does, to remove it."""
    log, follower = Rotated(monkeypatch, 1000), console.Follower("shop", "web")
    log.write(b"first\n")
    assert follower.news(None) == b"first\n"
    log.pool = SimpleNamespace(isActive=lambda: False)
    monkeypatch.setattr(console.pools, "find", lambda *_: pytest.fail("this would start it"))
    assert follower.news(None) == b""


def test_a_log_that_is_removed_while_it_is_read_is_no_error(monkeypatch):
    log, follower = Rotated(monkeypatch, 1000), console.Follower("shop", "web")
    log.write(b"first\n")

    def download(*_arguments, **_options):
        if gone:
            log.known = {}
        raise LabctlError("no such volume")

    monkeypatch.setattr(console.volumes, "download", download)
    monkeypatch.setattr(console.time, "sleep", lambda _s: None)
    gone = False
    with pytest.raises(LabctlError):
        follower.news(None)
    gone = True
    assert follower.news(None) == b""


def test_a_log_that_is_rotated_while_it_is_read_is_read_again(monkeypatch, text):
    """What libvirt says then is that the stream had an I/O failure."""
    log, follower = Rotated(monkeypatch, 1000), console.Follower("shop", "web")
    log.write(text[:990])
    assert follower.news(None) == text[:990]
    download = log.download

    def rotated_meanwhile(*arguments, **options):
        monkeypatch.setattr(console.volumes, "download", download)
        log.write(text[1000:1500])
        raise LabctlError("stream had I/O failure")

    log.write(text[990:1000])
    monkeypatch.setattr(console.volumes, "download", rotated_meanwhile)
    monkeypatch.setattr(console.time, "sleep", lambda _s: None)
    assert follower.news(None) == text[990:1500]


def test_what_was_rotated_between_the_files_of_a_look_is_told_once(monkeypatch, text):
    log, follower = Rotated(monkeypatch, 1000), console.Follower("shop", "web")
    log.write(text[:1500])
    download, calls = log.download, []

    def rotated_meanwhile(*arguments, **options):
        data = download(*arguments, **options)
        calls.append(1)
        if len(calls) == 1:
            log.write(text[1500:2500])
        return data

    monkeypatch.setattr(console.volumes, "download", rotated_meanwhile)
    monkeypatch.setattr(console.time, "sleep", lambda _s: None)
    assert follower.news(None) == text[:2500]


@pytest.mark.parametrize("ahead", [900, 1500])
@pytest.mark.parametrize("call", range(9))
@pytest.mark.parametrize("burst", [700, 1200, 1950])
def test_whenever_a_log_is_rotated_each_line_is_told_once(monkeypatch, text, ahead, call, burst):
    """Before whichever of the calls by which a look finds where it was and reads on."""
    log, follower = Rotated(monkeypatch, 1000), console.Follower("shop", "web")
    log.write(text[:800])
    told = follower.news(None)
    log.write(text[800:ahead])
    calls = []

    def asked(function):
        def ask(*arguments, **options):
            if len(calls) == call:
                log.write(text[ahead : ahead + burst])
            calls.append(function)
            return function(*arguments, **options)

        return ask

    for name, function in (("download", log.download), ("file_size", console.volumes.file_size)):
        monkeypatch.setattr(console.volumes, name, asked(function))
    monkeypatch.setattr(console.time, "sleep", lambda _s: None)
    for _ in range(2):
        told += follower.news(None)
    assert told == text[: ahead + burst * (call < len(calls))]


def test_a_log_is_read_over_its_rotated_files(monkeypatch, text):
    log = Rotated(monkeypatch, 1000)
    log.write(text[:2500])
    assert console.read(None, "shop", "web") == text[:2500].decode()
    assert console.read(None, "shop", "web", 700) == text[1800:2500].decode()
