"""What a yes is for."""

import pytest

from labctl.core.host_reach import Deed, HostReach
from labctl.core.record import replace

KEY = HostReach(Deed.GIVES, "/home/joe/key", "vms.a.image", "Labfile.yaml:4:5", "outside", "sha256-1")


def test_a_yes_stays_where_the_labfile_is_edited_elsewhere():
    moved = replace(KEY, field="vms.b.image", where="Labfile.yaml:9:5", reason="a link", trusted=True)
    assert moved.id == KEY.id


@pytest.mark.parametrize(
    "change", [{"content": "sha256-2"}, {"subject": "/home/joe/key2"}, {"deed": Deed.RUNS}], ids=str
)
def test_another_content_path_or_deed_is_another_thing(change):
    assert replace(KEY, **change).id != KEY.id


def test_a_command_of_many_lines_is_told_on_one():
    told = str(replace(KEY, subject="true\n  hint: all is well\r\x1b[2K"))
    assert told.isprintable()
    assert "true\\n  hint: all is well\\r\\x1b[2K" in told
