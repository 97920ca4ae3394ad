"""The law of sizes on the real API: whatever may be written, a plan right after `up` is empty."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.app import change

LAB = """\
labfile: 1
name: shop
networks: {{n: {{bandwidth: {{inbound: {rate}/s, outbound: {rate}/s}}}}}}
volumes: {{shared: {{size: {disk}}}}}
vms:
  web:
    {{image: none, state: off, memory: {memory}, max_memory: 16GiB, disk: {disk},
     disks: [{{name: data, size: {other}}}, {{name: shared, volume: shared}}],
     networks: [{{name: n, bandwidth: {{inbound: {rate}/s}}}}]}}
"""
UNITS = {
    "B": 1,
    "K": 10**3,
    "KB": 10**3,
    "KiB": 1 << 10,
    "M": 10**6,
    "MiB": 1 << 20,
    "G": 10**9,
    "GiB": 1 << 30,
}


@st.composite
def written(draw, most: int) -> str:
    """Any size that the format takes, of at most so many bytes."""
    unit = draw(st.sampled_from([unit for unit, size in UNITS.items() if size <= most]))
    whole = draw(st.integers(1, most // UNITS[unit]))
    fraction = draw(st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,6}", fullmatch=True)))
    return f"{whole}{fraction}{unit}"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written(1 << 40), written(1 << 36), written(1 << 33), written(1 << 38))
def test_a_plan_right_after_up_is_empty_for_every_size(world, disk, other, memory, rate):
    world.text = LAB.format(disk=disk, other=other, memory=memory, rate=rate)
    assert world.run() == 0, world.failures()
    assert not world.plan(), str(world.plan())
    assert world.run(change.destroy) == 0
