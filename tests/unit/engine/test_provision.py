"""Which steps the VMs of a lab have."""

import pytest

from labctl.engine import provision
from labctl.labfile.load import load
from labctl.labfile.lockfile import lock_path
from tests.unit.labfile.labfiles import loaded


def test_keys_are_those_of_all_steps_also_of_vms_that_are_off(tmp_path):
    text = """
        defaults: {image: debian-12}
        vms:
          web: {provision: [{name: site, shell: a}, {shell: b}, {shell: b}]}
          db: {state: off, provision: [{name: data, shell: c}]}
          bare: {cloud_init: false}
        provision: [{name: all, shell: d}, {name: few, shell: e, on: [db]}]
        """
    keys = provision.keys(loaded(tmp_path, text).lab)
    named = {vm: {key for key in each if "#" not in key} for vm, each in keys.items()}
    assert named == {"web": {"site", "lab:all"}, "db": {"data", "lab:all", "lab:few"}, "bare": set()}
    assert len(keys["web"]) == 4


@pytest.mark.parametrize("name", ["Labfile.yaml", "other.yaml", "Labfile"])
def test_the_labfile_its_lock_and_what_is_fetched_are_not_played(tmp_path, name):
    path = tmp_path / name
    step = "{fetch: {source: /x, target: got}}"
    path.write_text(f"labfile: 1\nname: shop\nvms: {{web: {{image: debian-12, provision: [{step}]}}}}\n")
    assert provision.not_played(load(str(path)).lab) == (path, lock_path(path), tmp_path / "got")
