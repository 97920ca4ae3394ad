"""What was read from a text is kept with it, and nothing but the same text gets it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.core.record import field, record
from labctl.host import kept
from labctl.host.readings import Readings


@record
class Part:
    name: str
    size: int | None = None


@record(frozen=False)
class Whole:
    name: str
    parts: tuple[Part, ...] = ()
    owners: dict[str, str] = field(default_factory=dict)


READ = []


def read(text: str) -> Whole | None:
    READ.append(text)
    parts = tuple(Part(each, len(each)) for each in text.split())
    return Whole(text, (*parts, Part("last")), {"text": text}) if text else None


@pytest.fixture
def readings(tmp_path):
    def make(path=str(tmp_path / "cache/seen/one")) -> Readings:
        READ.clear()
        return Readings(path, read, (Whole, Part))

    return make


@given(st.lists(st.text(alphabet="ab \n\x00\u20ac")))
def test_a_second_run_gives_the_same_and_reads_nothing(tmp_path_factory, texts):
    path = str(tmp_path_factory.mktemp("cache") / "one")
    first = Readings(path, read, (Whole, Part)).of(texts)
    READ.clear()
    assert Readings(path, read, (Whole, Part)).of(texts) == first == [read(text) for text in texts]
    assert len(READ) == len(texts), "only the comparison above has read"


def test_another_text_is_read_and_the_old_one_forgotten(readings):
    readings().of(["a", "b"])
    assert [each.name for each in readings().of(["b", "c"])] == ["b", "c"]
    assert READ == ["c"]
    readings().of(["b", "a"])
    assert READ == ["a"]


def test_what_is_given_out_is_ones_own(readings):
    (one,) = readings().of(["a"])
    one.owners["text"] = "changed"
    one.name = "changed"
    assert readings().of(["a"]) == [Whole("a", (Part("a", 1), Part("last")), {"text": "a"})]


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\xff" * 40, b"N", b"i\x01\x00\x00\x00", b"(\x02\x00\x00\x00NN"]
)
def test_what_is_not_ours_is_ignored(readings, tmp_path, data):
    readings().of(["a"])
    (tmp_path / "cache/seen/one").write_bytes(data)
    assert readings().of(["a"])[0].name == "a"
    assert READ == ["a"]


def test_other_code_reads_anew(readings, monkeypatch):
    readings().of(["a"])
    monkeypatch.setattr("labctl.host.readings.__version__", "another")
    readings().of(["a"])
    assert READ == ["a"]


def test_what_somebody_else_wrote_is_not_read(readings, monkeypatch):
    readings().of(["a"])
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    readings().of(["a"])
    assert READ == ["a"]


def test_it_works_without_a_place_to_keep_it(readings, tmp_path):
    assert readings(None).of(["a"])[0].name == "a"
    (tmp_path / "file").touch()
    assert readings(str(tmp_path / "file/one")).of(["a"])[0].name == "a"


def test_it_is_for_its_owner_alone(readings, tmp_path):
    readings().of(["a"])
    file = tmp_path / "cache/seen/one"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_whose_home_is_not_known_keeps_nothing(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert kept.entry("seen", "x") is None


def test_a_name_too_long_for_a_file_has_none():
    assert kept.entry("seen", "x" * 300) is None
    assert kept.entry("seen", "qemu:///system").endswith("/seen/qemu:%-%-%-system")
