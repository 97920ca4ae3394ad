"""The addresses of the kinds."""

import pytest

from labctl.core.address import Address
from labctl.engine.registry import KINDS
from labctl.kinds import addresses

PLACED = ("folder", "provision")  # they are known by more than one name


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if kind.name not in PLACED])
def test_each_kind_has_its_own(kind):
    assert getattr(addresses, kind)("web") == Address(kind, "web")


def test_a_folder_is_known_by_its_vm_and_its_place_there():
    assert addresses.folder("web-1", "/srv/app") == Address("folder", "web-1/srv/app")


def test_a_step_is_known_by_its_place():
    assert addresses.provision("web-1", 2) == Address("provision", "web-1/2")
    assert addresses.provision("", 2) == Address("provision", "2")
