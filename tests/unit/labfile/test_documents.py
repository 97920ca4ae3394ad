"""Documents that are the same as in the last run are not parsed again."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.core.errors import Rejected
from labctl.labfile import tree, yaml
from labctl.labfile.load import load
from labctl.labfile.tree import Map, Seq, walk

MARKS = st.tuples(st.just("f"), *[st.integers(1, 99)] * 4)


def _seq(mark, items):
    return Seq(mark, [value for value, _ in items], [each for _, each in items])


def _map(mark, entries):
    values = {key: value for key, (value, _) in entries.items()}
    return Map(mark, values, {key: each for key, (_, each) in entries.items()})


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.builds(_seq, MARKS, st.lists(st.tuples(inner, MARKS), max_size=3))
        | st.builds(_map, MARKS, st.dictionaries(st.text(max_size=3), st.tuples(inner, MARKS), max_size=3))
    ),
)


def whole(node):
    """A tree with all of its classes and marks."""
    own = [(type(node), getattr(node, "mark", None), node)]
    return own + [(path, mark, type(value), value) for path, mark, value in walk(node)]


@given(TREES)
def test_a_tree_comes_back_with_its_marks(node):
    assert whole(tree.unpacked(tree.packed(node))) == whole(node)


@pytest.fixture
def parsed(monkeypatch):
    """The files that were parsed."""
    files, read = [], yaml.read
    monkeypatch.setattr(yaml, "read", lambda data, file, **how: files.append(file) or read(data, file, **how))
    return files


@pytest.fixture
def labfile(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "Labfile.yaml"
    (tmp_path / "own.yaml").write_text("packages: [vim]")
    path.write_text("labfile: 1\nname: shop\nvms: {web: {image: debian-12, cloud_init: {file: own.yaml}}}\n")
    return path


def test_a_lab_is_parsed_once(labfile, parsed):
    own = str(labfile.with_name("own.yaml"))
    first, again = load(str(labfile)), load(str(labfile))
    assert parsed == [str(labfile), own]
    assert again.lab == first.lab
    assert again.lab.where("vms", "web", "image") == first.lab.where("vms", "web", "image")
    assert again.lab.vms[0].cloud_init == {"packages": ["vim"]}


def test_what_was_edited_is_parsed_again(labfile, parsed):
    own = str(labfile.with_name("own.yaml"))
    load(str(labfile))
    (labfile.parent / "own.yaml").write_text("packages: [ed]")
    assert load(str(labfile)).lab.vms[0].cloud_init == {"packages": ["ed"]}
    labfile.write_text(labfile.read_text().replace("web", "db"))
    assert load(str(labfile)).lab.vms[0].name == "db"
    assert parsed == [str(labfile), own, own, str(labfile)]


def test_another_name_for_it_is_what_messages_say(labfile, monkeypatch):
    load(str(labfile))
    monkeypatch.chdir(labfile.parent)
    assert load("Labfile.yaml").lab.where("name").file == "Labfile.yaml"


def test_keys_that_stand_twice_are_told_in_each_run(labfile, parsed):
    labfile.write_text("labfile: 1\nname: shop\nname: store\n")
    told = []
    for _ in range(2):
        with pytest.raises(Rejected) as refused:
            load(str(labfile))
        told.append([str(each) for each in refused.value.problems])
    assert told[0] == told[1]
    assert "the key name stands here twice" in told[0][0]
    assert parsed == [str(labfile)]


def test_what_is_no_yaml_is_told_in_each_run(labfile, parsed):
    labfile.write_text("{")
    for _ in range(2):
        with pytest.raises(Rejected, match="not YAML"):
            load(str(labfile))
    assert parsed == [str(labfile)] * 2


def test_parameters_from_files_are_not_kept(labfile, parsed, tmp_path):
    """They may be secrets."""
    labfile.write_text("labfile: 1\nname: shop\nparameters: {word: {secret: true}}\n")
    params = tmp_path / "params.yaml"
    params.write_text("word: hush-hush")
    for _ in range(2):
        assert load(str(labfile), params_files=[params]).lab.secrets == ("hush-hush",)
    assert parsed == [str(labfile), str(params), str(params)]
    kept = [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"hush-hush" in each for each in kept)


def test_what_can_be_read_once_only_is_not_kept(tmp_path, monkeypatch):
    """As in `labctl -f <(make-a-labfile)`, whose path is of this process alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    receiver, sender = os.pipe()
    os.write(sender, b"{labfile: 1, name: shop}")
    os.close(sender)
    assert load(f"/dev/fd/{receiver}").lab.name == "shop"
    os.close(receiver)
    assert not (tmp_path / "cache").exists()


def test_standard_input_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_text("")
    with (tmp_path / "Labfile.yaml").open("w+") as file:
        file.write("{labfile: 1, name: shop}")
        file.seek(0)
        monkeypatch.setattr("sys.stdin", file)
        assert load("-").lab.name == "shop"
    assert not (tmp_path / "cache").exists()


def test_what_its_owner_keeps_to_himself_is_not_kept(labfile, parsed):
    """A cloud-config may hold passwords."""
    own = str(labfile.with_name("own.yaml"))
    (labfile.parent / "own.yaml").chmod(0o640)
    for _ in range(2):
        load(str(labfile))
    assert parsed == [str(labfile), own, own]
    labfile.chmod(0o600)
    for _ in range(2):
        load(str(labfile))
    assert parsed[3:] == [str(labfile), own] * 2
    kept = [path.read_bytes() for path in (labfile.parent / "cache").rglob("*") if path.is_file()]
    assert not any(b"packages" in each for each in kept)
