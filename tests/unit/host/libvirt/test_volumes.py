"""The XML of volumes and pools, as data: `LABCTL_REGENERATE=1` writes the files of golden/storage anew."""

import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.core import xmltree
from labctl.host.libvirt import volumes
from labctl.host.libvirt.pools import POOL, Folder
from labctl.host.libvirt.volumes import VOLUME, Facts

GOLDEN = Path(__file__).parents[3] / "golden"
SCHEMAS = Path("/usr/share/libvirt/schemas")
BASE = "/var/lib/libvirt/images/labctl-images/sha256-aa.img"
MADE = {
    "overlay.xml": (VOLUME, Facts("web.root", capacity=3 << 30, backing=BASE, backing_format="raw")),
    "upload.xml": (VOLUME, Facts("sha256-aa.img", capacity=0, format="raw", mode=0o444)),
    "pool.xml": (POOL, Folder("labctl-shop", "/var/lib/libvirt/images/labctl-shop")),
}


@pytest.mark.parametrize("name", MADE)
def test_libvirt_is_told_just_this_and_it_is_read_the_same(name):
    declaration, thing = MADE[name]
    file, text = GOLDEN / "storage" / name, xmltree.to_text(declaration.render(thing))
    if os.environ.get("LABCTL_REGENERATE"):
        file.write_text(text)
    assert file.read_text() == text
    assert declaration.read(ET.fromstring(text)) == thing


VOLUMES = st.builds(
    Facts,
    name=st.sampled_from(["web.root", "a<b>&'\"c.seed"]),
    capacity=st.integers(0, 1 << 50),
    format=st.sampled_from(["qcow2", "raw"]),
    backing=st.sampled_from([None, BASE]),
    backing_format=st.sampled_from(["", "raw", "qcow2"]),
    mode=st.integers(0, 0o777),
)


@given(VOLUMES)
def test_what_is_written_reads_back_the_same(volume):
    assert volumes.read(xmltree.to_text(VOLUME.render(volume))) == volume


@pytest.mark.skipif(
    not SCHEMAS.is_dir() or not shutil.which("xmllint"), reason="needs libvirt's schemas and xmllint"
)
@pytest.mark.parametrize("name", MADE)
def test_libvirts_schemas_accept_it(name):
    schema = SCHEMAS / ("storagepool.rng" if name == "pool.xml" else "storagevol.rng")
    command = ["xmllint", "--noout", "--relaxng", schema, GOLDEN / "storage" / name]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_what_libvirt_tells_of_a_volume():
    assert volumes.read((GOLDEN / "libvirt/stored.volume-web.root.xml").read_text()) == Facts(
        "web.root",
        "/var/lib/libvirt/images/labctl-shop/web.root",
        3 << 30,
        200704,
        "qcow2",
        BASE,
        196688,
        "qcow2",
        0o600,
    )
