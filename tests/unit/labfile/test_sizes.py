"""Sizes are rounded where the Labfile is read, up, to what can be stored, and that is told once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.core.size import DISK_STEP, parse, rounded_up, size, sizes
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


def test_an_image_s_own_size_too_is_rounded_up_where_a_disk_is_made_of_it():
    assert (rounded_up(10**9), rounded_up(1 << 30), rounded_up(1)) == (1000000512, 1 << 30, 1024)


class Nothing:
    def at(self, *_arguments, **_options):
        pass


@given(st.integers(1, 1 << 45), st.sampled_from(["KiB", "MiB"]))
def test_rounding_adds_less_than_a_unit_and_does_nothing_twice(count, unit):
    step = parse(f"1{unit}")
    found = whole_size({"size": f"{count}B"}, "size", unit, Nothing())
    assert count <= found < count + step
    assert whole_size({"size": f"{found}B"}, "size", unit, Nothing()) == found
    assert found % DISK_STEP == 0


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (5000000512, 5 * 10**9, ("5000000512B", "5000000000B")),
        (2 << 30, 1 << 30, ("2GiB", "1GiB")),
        (1 << 30, 1 << 30, ("1GiB", "1GiB")),
    ],
)
def test_two_sizes_that_differ_look_different(first, second, told):
    assert sizes(first, second) == told
    assert size(5000000512) == size(5 * 10**9)
