"""Which VMs are meant by names."""

import pytest

from labctl.app.vm_names import choose
from labctl.core.errors import UsageError

BASES = {"web-1": "web", "web-2": "web", "db": "db"}


def test_a_name_means_a_vm_or_all_that_are_counted_under_it():
    assert choose(["db", "web", "web-1"], BASES) == ["db", "web-1", "web-2"]
    assert choose([], BASES) == ["web-1", "web-2", "db"]


@pytest.mark.parametrize(
    ("names", "bases", "said", "hint"),
    [
        (["wbe"], BASES, "no VM is called wbe", "did you mean web?"),
        (["zzz"], BASES, "no VM is called zzz", "known: db, web, web-1, web-2"),
        (["db"], {}, "no VM is called db", "there is no VM yet"),
        (
            ["wbe", "db", "zzz"],
            BASES,
            "no VM is called wbe (did you mean web?)\nno VM is called zzz (known: db, web, web-1, web-2)",
            "",
        ),
    ],
)
def test_all_names_that_mean_none_are_told(names, bases, said, hint):
    with pytest.raises(UsageError) as caught:
        choose(names, bases)
    assert (str(caught.value), caught.value.hint) == (said, hint)
