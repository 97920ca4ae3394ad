from itertools import islice

import pytest

from labctl.app.looks import looks
from labctl.core.errors import LabctlError


class Hosts:
    """None, of which the connection may be lost."""

    def __init__(self, *, lost):
        self.lost = lost

    def __iter__(self):
        return iter(())

    def reopen(self):
        self.lost, lost = False, self.lost
        return lost


def test_it_looks_again_after_the_connection_was_lost():
    seen = iter([1, LabctlError("lost"), 2])

    def look():
        found = next(seen)
        if isinstance(found, LabctlError):
            raise found
        return found

    assert list(islice(looks(Hosts(lost=True), look), 2)) == [1, 2]


def test_other_errors_end_it():
    def look():
        raise LabctlError("the Labfile is wrong")

    with pytest.raises(LabctlError, match="the Labfile is wrong"):
        next(looks(Hosts(lost=False), look))
