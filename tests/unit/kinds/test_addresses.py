"""The addresses of the kinds."""

import pytest

from labctl.core.address import Address
from labctl.engine.registry import KINDS
from labctl.kinds import addresses


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_each_kind_has_its_own(kind):
    assert getattr(addresses, kind)("web") == Address(kind, "web")
