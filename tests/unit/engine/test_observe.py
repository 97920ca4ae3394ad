"""What exists, with what libvirt does not know of it."""

import pytest

from labctl.core.diff import diff
from labctl.core.spec import YES
from labctl.engine.observe import Observed, merge
from labctl.kinds.seed.spec import SeedSpec
from labctl.kinds.vm.spec import VmSpec


@pytest.mark.parametrize(("unmarked", "differs"), [("", ["cloud_init", "network"]), (YES, [])])
def test_a_seed_is_written_anew_for_its_digests_but_not_for_a_mark_that_someone_removed(unmarked, differs):
    """The digests are in the mark of its VM."""
    vm, seed = VmSpec("shop", "web", unmarked=unmarked), SeedSpec("shop", "web", "", network="")
    wanted = SeedSpec("shop", "web", "5eed", network="d1ce5")
    observed = Observed(specs={vm.address: vm, seed.address: seed})
    seen = merge(observed, {seed.address: wanted})[seed.address]
    assert [change.field for change in diff(seen, wanted)] == differs
