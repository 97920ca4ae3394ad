"""What the stamps of an image's files tell without reading them."""

import pytest

from labctl.kinds.image.integrity import KNOWN_DAMAGED, apparent_state

SEEN = {"a.img": "100 1.5 1.5", "a.vmlinuz": "10 1.5 1.5"}


@pytest.mark.parametrize(
    ("now", "looks"),
    [
        (SEEN, ""),
        (SEEN | {"a.img": "100 1.5 9.9"}, ""),  # as when a VM starts that boots a kernel of the store
        (SEEN | {"a.img": "100 9.9 9.9"}, "changed"),
        (SEEN | {"a.img": "99 1.5 1.5"}, "damaged"),
        (SEEN | {"a.img": "99 1.5 1.5", "a.vmlinuz": "10 9.9 9.9"}, "damaged"),
        ({"a.img": "99 1.5 1.5"}, "missing"),
    ],
)
def test_the_worst_of_its_files_counts(now, looks):
    assert apparent_state(SEEN, now, SEEN) == looks


def test_what_was_never_verified_is_there_or_not():
    assert apparent_state({}, SEEN, SEEN) == ""
    assert apparent_state({}, {}, SEEN) == "missing"


def test_what_was_found_damaged_stays_so():
    assert apparent_state(SEEN | {"a.img": KNOWN_DAMAGED}, SEEN, SEEN) == "damaged"
