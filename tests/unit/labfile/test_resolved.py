import pytest

from labctl.core.errors import UsageError
from labctl.labfile.yaml_tree import path_text
from tests.unit.labfile.labfiles import loaded

LAYERS = """
parameters: {size: {type: string, default: 1GiB}, pin: {type: string, secret: true}}
defaults: {image: none, memory: "${size}", cpu: {mode: host, nested: true}, ready: [{tcp: 1}],
           cloud_init: {runcmd: [x], write_files: [{path: /a.b, content: "${pin}"}]}}
groups:
  fast: {children: [web], cpus: 2, cpu: {mode: maximum}}
networks: {back: {subnet: 10.0.0.0/24}}
vms:
  web:
    count: 2
    networks: [{name: back, ip: 10.0.0.10}]
    ready: [{tcp: 2}]
    cloud_init: {runcmd: [y], hostname: "${name}.${base}", motd: "${vms.db.back.ip}"}
    instances: {2: {cpus: 8, cpu: {nested: false}}}
  db: {networks: [back]}
"""


def values(tmp_path, path="", text=LAYERS, **given):
    resolved = loaded(tmp_path, text, environ={"LABCTL_SET_PIN": "sesame"}, **given).resolved
    found = [value for branch in resolved.branches(path) for value in branch.values()]
    return {
        path_text(each.path): (each.value, each.layer, (each.where.line, each.where.column)) for each in found
    }


def test_each_value_has_the_layer_and_the_place_that_it_is_from(tmp_path):
    found = values(tmp_path, "vms.web-2")
    assert found["vms.web-2.memory"] == ("1GiB", "defaults", (5, 33))
    assert found["vms.web-2.cpus"] == (8, "vms.web.instances.2", (16, 27))
    assert found["vms.web-2.cpu.mode"] == ("maximum", "groups.fast", (8, 48))
    assert found["vms.web-2.cpu.nested"] == (False, "vms.web.instances.2", (16, 44))
    assert found["vms.web-2.ready[0].tcp"] == (1, "defaults", (5, 91))
    assert found["vms.web-2.ready[1].tcp"] == (2, "vms.web", (14, 19))
    assert [found[f"vms.web-2.cloud_init.runcmd[{at}]"][:2] for at in (0, 1)] == [
        ("x", "defaults"),
        ("y", "vms.web"),
    ]


def test_instances_have_their_own_names_and_addresses(tmp_path):
    """A reference to an address that is not chosen yet stays as it is written."""
    found = values(tmp_path, "vms")
    assert found["vms.web-1.networks[0].ip"][0] == "10.0.0.10"
    assert found["vms.web-2.networks[0].ip"][:2] == ("10.0.0.11", "vms.web")
    assert found["vms.web-2.cloud_init.hostname"][:2] == ("web-2.web", "vms.web")
    assert found["vms.web-2.cloud_init.motd"][0] == "${vms.db.back.ip}"
    assert found["vms.db.networks[0]"] == ("back", "vms.db", (17, 19))


def test_parameters_say_who_gave_their_value(tmp_path):
    assert values(tmp_path, "parameters") == {
        "parameters.size": ("1GiB", "", (4, 44)),
        "parameters.pin": ("***", "LABCTL_SET_PIN", (4, 56)),
    }
    given = values(tmp_path, "parameters.size", sets={"size": "2GiB"})
    assert given["parameters.size"][:2] == ("2GiB", "--set size")
    file = tmp_path / "values.yaml"
    file.write_text("# of today\nsize: 3GiB\n")
    given = values(tmp_path, "parameters.size", params_files=[file])
    assert given["parameters.size"] == ("3GiB", "--params", (2, 7))


def test_groups_show_their_members_and_networks_their_fields(tmp_path):
    assert [each[0] for each in values(tmp_path, "groups.fast").values()] == ["web-1", "web-2"]
    assert values(tmp_path, "networks.back.subnet") == {"networks.back.subnet": ("10.0.0.0/24", "", (9, 27))}


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("vms.web-1.networks.back.ip", 1),  # an entry of a list by its name
        ("vms.web-1.networks[0].ip", 1),
        ("vms.web-1.networks.0.ip", 1),
        ("vms.web.memory", 2),  # a VM with `count` means its instances
        ("vms.db.cloud_init.write_files[0].path", 1),
    ],
)
def test_a_path_may_be_written_as_people_do(tmp_path, path, count):
    assert len(values(tmp_path, path)) == count


def test_a_key_may_hold_dots(tmp_path):
    text = "vms: {a: {image: none, cloud_init: {apt: {sources: {docker.list: {source: deb}}}}}}"
    found = values(tmp_path, "vms.a.cloud_init.apt.sources.docker.list.source", text)
    assert [each[0] for each in found.values()] == ["deb"]


@pytest.mark.parametrize(
    ("path", "summary", "hint"),
    [
        ("vms.wep-1.memory", "at vms.wep-1", "did you mean vms.web-1?"),
        ("vms.db.memroy", "at vms.db.memroy", "did you mean vms.db.memory?"),
        ("vms.db.memory.x", "at vms.db.memory.x", ""),
        ("vms.db.networks[7]", "at vms.db.networks[7]", "did you mean vms.db.networks[0]?"),
        ("defaults.memory", "at defaults", "each VM has what it is given by defaults: `labctl show vms`"),
        ("netwroks", "at netwroks", "did you mean networks?"),
    ],
)
def test_an_unknown_path_names_the_nearest(tmp_path, path, summary, hint):
    with pytest.raises(UsageError) as caught:
        values(tmp_path, path)
    assert caught.value.summary == f"the Labfile says nothing {summary}"
    assert caught.value.hint == hint
