"""The domain of a VM is found."""

import libvirt
import pytest

from labctl.core import identity
from labctl.host.libvirt import domains

TEXT = "<domain type='test'>{}<memory>1024</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
def define():
    virt, made = libvirt.open("test:///default"), []

    def define(fields):
        made.append(virt.defineXML(TEXT.format(fields)))
        return virt

    yield define
    for each in made:
        each.undefine()
    virt.close()


def test_one_that_somebody_renamed_is_found_before_another_that_has_its_name(define):
    uuid = identity.object_uuid("shop", "vm", "renamed")
    define(f"<name>mine</name><uuid>{uuid}</uuid>")
    virt = define("<name>shop.renamed</name>")
    assert domains.find(virt, "shop", "renamed").name() == "mine"


def test_one_with_another_uuid_is_found_by_its_name(define):
    virt = define("<name>shop.other</name>")
    assert domains.find(virt, "shop", "other").name() == "shop.other"
    assert domains.find(virt, "shop", "none") is None
