"""Folders and Labfiles of any name: they work, or are refused before anything is made."""

import os

import pytest

from labctl.core.errors import Rejected
from labctl.core.text import printable
from labctl.labfile.absolute_path import unusable_reason
from labctl.labfile.load import load

TEXT = "labfile: 1\nname: lab\nvms: {a: {image: none}}\n"


@pytest.mark.parametrize(
    "name", ["a b", 'a "b"', "%h", "#x", "~", "é", "日本", "👩‍🚀", "$HOME", "{x}", "-f", "<&>"]
)
def test_a_folder_of_any_printable_name_serves(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "Labfile.yaml").write_text(TEXT)
    assert load(str(folder / "Labfile.yaml")).lab.folder == folder


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"${x}", "${, which OpenSSH takes for a variable of the environment"),
        (b"a\nb", "a control character"),
        (b"a\x1b[31m", "a control character"),
        (b"a\xffb", "bytes that are not UTF-8"),
        ("a\u2028b".encode(), "a line's end"),
        ("a\uffffb".encode(), "no character"),
    ],
)
def test_what_libvirt_or_openssh_can_t_hold_is_refused_in_one_printable_line(tmp_path, name, why):
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    (folder / "Labfile.yaml").write_text(TEXT)
    with pytest.raises(Rejected) as error:
        load(str(folder / "Labfile.yaml"))
    (problem,) = error.value.problems
    assert str(problem).isprintable()
    assert f"holds {why} (the lab's files lie beside it" in str(problem)


def test_a_file_s_own_name_may_hold_what_only_a_folder_s_may_not():
    assert unusable_reason("/labs/${x}.yaml") == ""
    assert unusable_reason("/labs/a\tb.yaml") == "a control character"


def test_a_text_is_shown_without_what_a_terminal_acts_on():
    assert printable("a\x1b[31m\nb\udcff") == "a\\x1b[31m\\nb\\udcff"
    assert printable("a\n\tb", keep="\n\t") == "a\n\tb"
    assert printable("é 日本") == "é 日本"
