"""What `labctl image list` prints."""

import pytest

from labctl.app.images.catalogue import Row
from labctl.cli.image.list import tables
from labctl.kinds.image.catalogue import Entry
from labctl.kinds.image.spec import ImageSpec
from labctl.kinds.image.store import StoredImage
from labctl.kinds.warm.spec import WarmSpec
from labctl.kinds.warm.store import StoredWarm
from labctl.report.colour import Paint

ORIGIN = "/home/me/a-folder-with-a-long-name/another/micro.qcow2"
STORED = StoredImage(
    ImageSpec("micro.qcow2", f"sha256-{'9b' * 32}", origin=ORIGIN),
    1 << 20,
    ("labctl-shop/db.root", "labctl-shop/web.root"),
    {},
)
ROWS = [Row("micro.qcow2", STORED), Row("debian-12", entry=Entry("debian-12", "Debian 12 generic cloud"))]
WARM = [StoredWarm(WarmSpec("shop", "1", taken="2026-11-26T12:03:04Z", size=310 << 20), ())]


def test_on_a_wide_screen_each_has_one_line():
    lines = tables(ROWS, WARM, Paint(), 200).split("\n")
    assert len(lines) == 6
    assert lines[1].endswith(f"labctl-shop/db.root and 1 more  {ORIGIN}")
    assert lines == tables(ROWS, WARM, Paint(), None).split("\n")


def test_on_a_narrow_one_what_it_is_stands_below():
    text = tables(ROWS, WARM, Paint(), 80)
    assert max(map(len, text.split("\n"))) <= 80
    assert text.split("\n")[:5] == [
        "IMAGE        ARCH  DIGEST               ON DISK",
        "micro.qcow2  -     sha256:9b9b9b9b9b9b  1MiB",
        "  used by     labctl-shop/db.root and 1 more",
        f"  what it is  {ORIGIN}",
        "debian-12    -     -                    -",
    ]


@pytest.mark.parametrize(("rows", "warm", "head"), [(ROWS, [], "IMAGE"), ([], WARM, "WARM STATE")])
def test_no_table_is_empty(rows, warm, head):
    assert tables(rows, warm, Paint(), 80).startswith(head)
    assert "\n\n" not in tables(rows, warm, Paint(), 80)
