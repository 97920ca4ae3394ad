"""Where `labctl graph` writes."""

import pytest

from labctl.cli import graph
from labctl.core.errors import LabctlError, UsageError


def test_a_link_that_came_with_the_labfile_is_not_written_through(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    picture = tmp_path / "lab.svg"
    picture.symlink_to(mine)
    graph._write(picture, "a picture")  # noqa: SLF001  # the verb asks libvirt before it writes
    assert (mine.read_text(), picture.read_text()) == ("mine", "a picture\n")
    assert not picture.is_symlink()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(LabctlError) as refused:
        graph._write(tmp_path / "none/lab.svg", "a picture")  # noqa: SLF001
    assert refused.value.summary == "can't write it: No such file or directory"
    assert refused.value.where == str(tmp_path / "none/lab.svg")


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("x.svg", "svg"),
        ("x.PNG", "png"),
        ("x.gv", "dot"),
        ("x.mmd", "mermaid"),
        ("x.txt", "text"),
        ("x", "text"),
    ],
)
def test_the_ending_of_the_file_names_the_format(name, format_):
    assert graph._by_name(name) == format_  # noqa: SLF001


def test_another_ending_is_an_error():
    with pytest.raises(UsageError, match=r"graph does not write \.pdf") as refused:
        graph._by_name("lab.pdf")  # noqa: SLF001
    assert refused.value.hint == "svg, png, dot, mmd or txt; or --format"
