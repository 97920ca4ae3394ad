"""Sizes are rounded where the Labfile is read, up, to what can be stored, and that is told once."""

from hypothesis import given
from hypothesis import strategies as st

from labctl.core.size import DISK_STEP, parse_size
from labctl.labfile.values import whole_size
from tests.unit.labfile.labfiles import loaded


def notes(tmp_path, text):
    found = loaded(tmp_path, text).warnings
    assert {each.severity for each in found} <= {"note"}
    return [f"{each.path}: {each.summary}" for each in found]


def test_what_is_rounded_is_told_once_at_its_place(tmp_path):
    """Not again for each instance, and not what is whole already."""
    text = """
        networks: {n: {bandwidth: {inbound: 1MB/s, outbound: 1MiB/s}}}
        volumes: {v: {size: 1536B}, w: {size: 5GiB}}
        vms:
          web:
            {image: none, count: 3, disk: 5G, disks: [{name: d, size: 100M}], memory: 1G, max_memory: 2GiB,
             networks: [{name: n, bandwidth: {inbound: 1B/s}}]}
        """
    assert notes(tmp_path, text) == [
        "networks.n.bandwidth.inbound: 1MB/s is rounded up to 977KiB/s, whole KiB/s",
        "volumes.v.size: 1536B is rounded up to 2KiB, whole KiB",
        "vms.web.disk: 5G is rounded up to 4882813KiB, whole KiB",
        "vms.web.disks[0].size: 100M is rounded up to 97657KiB, whole KiB",
        "vms.web.memory: 1G is rounded up to 954MiB, whole MiB",
        "vms.web.networks[0].bandwidth.inbound: 1B/s is rounded up to 1KiB/s, whole KiB/s",
    ]
    lab = loaded(tmp_path, text).lab
    assert [disk.size for disk in lab.vms[2].disks] == [4882813 << 10, 97657 << 10]
    assert lab.vms[0].memory == 954 << 20
    assert lab.networks[0].bandwidth.inbound == 977
    assert lab.vms[0].nics[0].bandwidth.inbound == 1


class Nothing:
    def at(self, *_arguments, **_options):
        pass


@given(st.integers(1, 1 << 45), st.sampled_from(["KiB", "MiB"]))
def test_rounding_adds_less_than_a_unit_and_does_nothing_twice(count, unit):
    step = parse_size(f"1{unit}")
    found = whole_size({"size": f"{count}B"}, "size", unit, Nothing())
    assert count <= found < count + step
    assert whole_size({"size": f"{found}B"}, "size", unit, Nothing()) == found
    assert found % DISK_STEP == 0
