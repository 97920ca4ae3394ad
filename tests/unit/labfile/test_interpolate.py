import re

import pytest

from labctl.labfile.model import Condition
from tests.unit.labfile.labfiles import loaded, problems, vms

PARAMETERS = (
    "parameters: {n: {type: integer, default: 3}, on: {type: boolean, default: true}, s: {default: '${x'}}\n"
)


def test_a_whole_scalar_keeps_the_parameters_type(tmp_path):
    got = vms(
        tmp_path,
        'parameters: {n: {type: integer, default: 2}}\nvms: {a: {image: none, count: "${n}", memory: "${n}GiB"}}\n',
    )
    assert list(got) == ["a-1", "a-2"]
    assert got["a-1"].memory == 2 << 30


def test_a_value_of_the_wrong_type_is_told_at_its_place(tmp_path):
    """Types are judged after parameters were filled in."""
    text = 'parameters: {n: {default: two}}\nvms: {a: {image: none, count: "${n}"}}\n'
    assert problems(tmp_path, text) == [
        'Labfile.yaml:4:31: vms.a.count: expected a number between 0 and 10000, got "two"'
    ]


def test_instances_know_their_names(tmp_path):
    got = vms(
        tmp_path,
        'vms: {a: {image: debian-12, count: 2, cloud_init: {x: ["${lab} ${base} ${name} ${index:03}", "${index}"]}}}\n',
    )
    assert got["a-2"].cloud_init == {"x": ["lab a a-2 002", 2]}


def test_literals_survive_all_passes(tmp_path):
    """`$${` is a plain `${`, also where it looks like a reference, and a value is never read again."""
    text = (
        PARAMETERS.replace("${x", "x")
        + """
vms:
  a: {image: debian-12, networks: [n], cloud_init: {x: "$${vms.a.n.ip} ${vms.a.n.ip} $${s} $$ $ {} ${on} ${name}"}}
networks: {n: {}}
"""
    )
    config = loaded(tmp_path, text).with_references({"vms.a.n.ip": "10.0.0.2"}).lab.vms[0].cloud_init
    assert config == {"x": "${vms.a.n.ip} 10.0.0.2 ${s} $$ $ {} true a"}


def test_a_parameters_value_is_not_interpolated_again(tmp_path):
    got = vms(
        tmp_path,
        'parameters: {s: {}}\nvms: {a: {image: debian-12, cloud_init: {x: "${s} ${name}"}}}\n',
        sets={"s": "${name} ${vms.a.n.ip}"},
    )
    assert got["a"].cloud_init == {"x": "${name} ${vms.a.n.ip} a"}


def test_references_are_filled_in_all_that_a_lab_says(tmp_path):
    found = loaded(
        tmp_path,
        """
        networks: {n: {}}
        vms:
          a: {image: debian-12, networks: [n]}
          b: {image: debian-12, networks: [n], ready: [{exec: "ping ${vms.a.n.ip}"}],
              boot: {kernel: Labfile.yaml, cmdline: "gw=${networks.n.gateway}"}}
        """,
    )
    assert found.references == {"vms.a.n.ip": frozenset(), "networks.n.gateway": frozenset()}
    done = found.with_references({"vms.a.n.ip": "10.0.0.2", "networks.n.gateway": "10.0.0.1"}).lab.vms
    assert done[1].ready == (Condition(exec="ping 10.0.0.2"),)
    assert done[1].boot.cmdline == "gw=10.0.0.1"


def test_keys_are_never_interpolated(tmp_path):
    got = vms(tmp_path, 'vms: {a: {image: debian-12, cloud_init: {"${name}": 1}}}\n')
    assert got["a"].cloud_init == {"${name}": 1}


def test_own_keys_are_ignored_but_serve_anchors(tmp_path):
    got = vms(
        tmp_path, "x-web: &web {image: none, cpus: 2}\nvms: {a: {<<: *web, x-note: [1], cpus: 3}, b: *web}\n"
    )
    assert (got["a"].cpus, got["b"].cpus) == (3, 2)


@pytest.mark.parametrize("use", ["x${big}", "${big}"], ids=["in a text", "as the whole text"])
def test_a_long_value_that_is_used_often_is_stopped_at_its_place(tmp_path, use):
    texts = ", ".join(f'"{use}"' for _ in range(1000))
    text = f"parameters: {{big: {{default: '{'x' * 100_000}'}}}}\n"
    (told,) = problems(
        tmp_path, f"{text}vms: {{a: {{image: debian-12, cloud_init: {{runcmd: [{texts}]}}}}}}\n"
    )
    assert re.fullmatch(r"Labfile\.yaml:4:\d+: texts grow beyond 32 MB, values filled in", told)


def test_so_is_one_text_of_many_values_and_one_of_many_instances(tmp_path):
    big = f"parameters: {{big: {{default: '{'x' * 100_000}'}}}}\n"
    vm = "vms: {a: {image: debian-12, cloud_init: {runcmd: ['%s']}}}\n"
    assert "grow beyond" in problems(tmp_path, big + vm % ("${big}" * 20_000))[0]
    vms = "vms: {a: {image: debian-12, count: 1000, cloud_init: {runcmd: ['${name} %s']}}}\n"
    assert "grow beyond" in problems(tmp_path, vms % ("x" * 100_000))[0]
