"""What was read from a text is kept with it, and nothing but the same text gets it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.core.record import MISSING, field, record
from labctl.host.files import kept
from labctl.host.files.readings import Readings


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

        def of(texts):
            with Readings(path, (Whole, Part), ("core",)) as kept_before:
                return kept_before.of(read, texts)

        return of

    return make


@given(st.lists(st.text(alphabet="ab \n\x00\u20ac")))
def test_a_second_run_gives_the_same_and_reads_nothing(tmp_path_factory, texts):
    path = str(tmp_path_factory.mktemp("cache") / "one")
    with Readings(path, (Whole, Part)) as readings:
        first = readings.of(read, texts)
    READ.clear()
    with Readings(path, (Whole, Part)) as readings:
        again = readings.of(read, texts)
    assert not READ
    assert again == first == [read(text) for text in texts]


def test_another_text_is_read_and_the_old_one_forgotten(readings):
    readings()(["a", "b"])
    assert [each.name for each in readings()(["b", "c"])] == ["b", "c"]
    assert READ == ["c"]
    readings()(["b", "a"])
    assert READ == ["a"]


def test_what_is_given_out_is_ones_own(readings):
    (one,) = readings()(["a"])
    one.owners["text"] = "changed"
    one.name = "changed"
    assert readings()(["a"]) == [Whole("a", (Part("a", 1), Part("last")), {"text": "a"})]


def test_what_is_given_out_is_not_what_is_kept(tmp_path):
    for _ in range(2):
        with Readings(str(tmp_path / "one"), (Whole, Part)) as readings:
            one, same = readings.of(read, ["a", "a"])
            one.owners["text"] = "changed"
            assert same.owners == {"text": "a"}


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\xff" * 40, b"N", b"i\x01\x00\x00\x00", b"(\x02\x00\x00\x00NN"]
)
def test_what_is_not_ours_is_ignored(readings, tmp_path, data):
    readings()(["a"])
    (tmp_path / "cache/seen/one").write_bytes(data)
    assert readings()(["a"])[0].name == "a"
    assert READ == ["a"]


@given(st.data())
def test_what_is_broken_is_as_none(tmp_path_factory, data):
    """Of a byte that is not what it was, marshal may make a list of some gigabytes."""
    path = str(tmp_path_factory.mktemp("cache") / "one")
    with Readings(path, (Whole, Part)) as readings:
        readings.of(read, ["a b", "c"])
    whole = Path(path).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.binary(max_size=3).filter(lambda some: some != whole[at : at + 1]))
    Path(path).write_bytes(whole[:at] + other + whole[at + 1 :])
    with Readings(path, (Whole, Part)) as readings:
        assert readings.find("read", "c") is MISSING


def test_other_code_reads_anew(readings, monkeypatch):
    readings()(["a"])
    monkeypatch.setattr("labctl.__version__", "another")
    readings()(["a"])
    assert READ == ["a"]


def test_code_that_was_edited_reads_anew(readings, tmp_path, monkeypatch):
    code = tmp_path / "labctl/core/one.py"
    code.parent.mkdir(parents=True)
    code.write_text("1")
    monkeypatch.setattr("labctl.__path__", [str(tmp_path / "labctl")])
    readings()(["a"])
    readings()(["a"])
    assert READ == []
    code.write_text("12")
    readings()(["a"])
    assert READ == ["a"]


def test_what_is_read_of_one_thing_is_not_that_of_another(readings):
    readings()(["a"])
    with Readings(None, (Whole, Part)) as one:
        one.keep("this", "a", Part("this"))
        assert one.find("that", "a") is MISSING
        assert one.find("this", "a") == Part("this")


def test_a_run_that_fails_keeps_nothing(tmp_path):
    def fails(_text):
        raise ValueError("not XML")

    path = tmp_path / "one"
    with pytest.raises(ValueError, match="not XML"), Readings(str(path)) as readings:
        readings.of(fails, ["a"])
    assert not path.exists()


def test_a_file_that_is_being_written_to_is_not_settled(tmp_path):
    file = tmp_path / "file"
    file.touch()
    now = kept.state(file)
    assert not kept.settled(now)
    assert kept.settled((*now[:4], now[4] - kept.SETTLED_NS))
    os.utime(file, ns=(0, 0))
    assert not kept.settled(kept.state(file))
    file.write_text("more")
    assert kept.state(file) != now


def test_what_somebody_else_wrote_is_not_read(readings, monkeypatch):
    readings()(["a"])
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    readings()(["a"])
    assert READ == ["a"]


def test_it_works_without_a_place_to_keep_it(readings, tmp_path):
    assert readings(None)(["a"])[0].name == "a"
    (tmp_path / "file").touch()
    assert readings(str(tmp_path / "file/one"))(["a"])[0].name == "a"


def test_it_is_for_its_owner_alone(readings, tmp_path):
    readings()(["a"])
    file = tmp_path / "cache/seen/one"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_oldest_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "MOST", 2)
    for name in ("c", "a", "b"):
        kept.write(str(tmp_path / "kept" / name), name.encode())
        os.utime(tmp_path / "kept" / name, ns=(0, "cab".index(name)))
    kept.write(str(tmp_path / "kept/d"), b"d")
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"b", "d"}


def test_a_name_just_short_enough_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path))
    path = kept.entry("seen", "x" * kept.LONGEST)
    kept.write(path, b"it")
    assert kept.read(path) == b"it"
    assert kept.entry("seen", "x" * (kept.LONGEST + 1)) is None


def test_a_pipe_has_no_state(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert kept.state(tmp_path / "pipe") is None
    assert kept.state(tmp_path / "none") is None
    assert not kept.settled(None)


def test_whose_home_is_not_known_keeps_nothing(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert kept.entry("seen", "x") is None


def test_a_name_too_long_for_a_file_has_none():
    assert kept.entry("seen", "x" * 300) is None
    assert kept.entry("seen", "qemu:///system").endswith("/seen/qemu:%-%-%-system")
