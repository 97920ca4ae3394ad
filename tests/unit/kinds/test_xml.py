"""What is rendered reads back the same, and libvirt's own schemas accept it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from labctl.core import xmltree
from labctl.kinds.network import observe as network_observe
from labctl.kinds.network import xml as network_xml
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm import observe as vm_observe
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.spec import VmSpec
from tests.strategies import networks, vms

SCHEMAS = Path("/usr/share/libvirt/schemas")


@given(vms(), networks())
def test_what_is_ours_is_also_read_as_others_see_it(vm, network):
    spec, foreign = vm_observe.read(vm.lab, xmltree.to_text(vm_xml.render(vm)))
    assert (foreign.name, foreign.lab, spec) == (vm.libvirt_name, vm.lab, vm)
    spec, foreign = network_observe.read(network.lab, xmltree.to_text(network_xml.render(network)))
    assert (foreign.name, foreign.lab, spec) == (network.libvirt_name, network.lab, network)


@pytest.mark.skipif(
    not SCHEMAS.is_dir() or not shutil.which("xmllint"), reason="needs libvirt's schemas and xmllint"
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(networks(), vms())
def test_libvirts_schemas_accept_it(tmp_path, network, vm):
    for name, root in (("network", network_xml.render(network)), ("domain", vm_xml.render(vm))):
        file = tmp_path / f"{name}.xml"
        file.write_text(xmltree.to_text(root))
        run = subprocess.run(
            ["xmllint", "--noout", "--relaxng", SCHEMAS / f"{name}.rng", file],
            check=False,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr


def test_an_edit_is_in_the_spec_and_once_in_the_xml():
    """What it adds is neither missing from what is compared, nor rendered a second time."""
    plain = NetworkSpec("lab", "n", bridge="b", xml=(("dns", "add", "<forwarder addr='192.0.2.1'/>"),))
    spec = network_xml.effective(plain)
    assert spec.forwarders == ("192.0.2.1",)
    assert xmltree.to_text(network_xml.render(spec)) == xmltree.to_text(network_xml.render(plain))
    added = "<interface><mac address='52:54:00:00:00:99'/></interface>"
    vm = vm_xml.effective(VmSpec("lab", "a", xml=(("devices", "add", added),)))
    assert [nic.mac for nic in vm.nics] == ["52:54:00:00:00:99"]
    assert len(vm_xml.render(vm).findall("devices/interface")) == 1
