"""Where `labctl graph` writes."""

from labctl.cli import graph


def test_a_link_that_came_with_the_labfile_is_not_written_through(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    picture = tmp_path / "lab.svg"
    picture.symlink_to(mine)
    graph._write(picture, "a picture")  # noqa: SLF001  # the verb asks libvirt before it writes
    assert (mine.read_text(), picture.read_text()) == ("mine", "a picture\n")
    assert not picture.is_symlink()
