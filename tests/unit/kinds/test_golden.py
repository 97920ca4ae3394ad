"""XML as data: the domains and networks of each Labfile in tests/golden, as libvirt is told them.

`LABCTL_REGENERATE=1 pytest tests/unit/kinds/test_golden.py` writes them anew; the difference is for a review.
"""

import os
from pathlib import Path

import pytest
import yaml

from labctl.core import xmltree
from labctl.kinds.network import xml as network_xml
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.spec import VmSpec
from tests.composed import specs

GOLDEN = Path(__file__).parents[2] / "golden"


def rendered(path: Path) -> dict[str, str]:
    """The files of one Labfile, by name."""
    found = {}
    for address, spec in specs(yaml.safe_load(path.read_text())).items():
        name = f"{path.stem}.{address.kind}-{address.name}.xml"
        if isinstance(spec, VmSpec):
            found[name] = xmltree.to_text(vm_xml.render(spec))
        elif isinstance(spec, NetworkSpec):
            found[name] = xmltree.to_text(network_xml.render(spec))
    return found


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_libvirt_is_told_just_this(path):
    made = rendered(path)
    if os.environ.get("LABCTL_REGENERATE"):
        for old in GOLDEN.glob(f"{path.stem}.*.xml"):
            old.unlink()
        for name, text in made.items():
            (GOLDEN / name).write_text(text)
    assert {each.name: each.read_text() for each in GOLDEN.glob(f"{path.stem}.*.xml")} == made


def test_every_file_is_of_a_labfile():
    stems = {path.stem for path in GOLDEN.glob("*.yaml")}
    assert {path.name.partition(".")[0] for path in GOLDEN.glob("*.xml")} == stems
