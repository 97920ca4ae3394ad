"""Which steps the VMs of a lab have."""

from labctl.engine import provision
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
