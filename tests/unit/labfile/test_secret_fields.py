"""A secret stands only in fields that nobody but the lab's guests reads."""

import json

import pytest

from labctl.core.errors import Rejected
from labctl.labfile import schema
from labctl.labfile.load import load
from tests.unit.labfile.labfiles import loaded, problems, vms

PARAMETER = "parameters: {pw: {secret: true}}\n"
SECRET = "x-hunter2-x"  # noqa: S105
VM = "vms: {a: {image: none, disk: 1GiB, %s}}\n"


@pytest.mark.parametrize("place", ["vms: {a: {image: debian-12, %s}}", "groups: {a: {%s}}", "defaults: {%s}"])
@pytest.mark.parametrize(
    "fields",
    [
        "cloud_init: {chpasswd: {list: 'lab:${pw}'}}",
        "cloud_init: {write_files: [{path: /pw, content: '${pw}'}]}",
        "ready: [{exec: 'login ${pw}'}]",
    ],
)
def test_it_stands_in_cloud_init_and_in_commands_of_ready(tmp_path, place, fields):
    assert problems(tmp_path, PARAMETER + place % fields, sets={"pw": SECRET}) == []


def test_it_is_refused_in_the_name_of_the_lab(tmp_path):
    path = tmp_path / "Labfile.yaml"
    path.write_text("labfile: 1\nname: '${pw}'\n" + PARAMETER)
    with pytest.raises(Rejected, match=r"2:7: name: others could read the secret pw here"):
        load(str(path), sets={"pw": SECRET})


def test_it_is_filled_in_there(tmp_path):
    text = PARAMETER + "vms: {a: {image: debian-12, cloud_init: {runcmd: ['${pw}']}}}"
    assert vms(tmp_path, text, sets={"pw": SECRET})["a"].cloud_init == {"runcmd": [SECRET]}


REFUSED = {
    "description": "description: 'for ${pw}'",
    "networks.n.domain": "networks: {n: {domain: '${pw}.lab'}}",
    "networks.n.xml[0].add": "networks: {n: {xml: [{at: ., add: '<a>${pw}</a>'}]}}",
    "volumes.v.size": "volumes: {v: {size: '${pw}'}}",
    "groups.cloud_init.hostname": "groups: {cloud_init: {hostname: '${pw}'}}",
    "vms.a.hostname": VM % "hostname: '${pw}'",
    "vms.a.boot.cmdline": VM % "boot: {kernel: /dev/null, cmdline: 'pw=${pw}'}",
    "vms.a.xml[0].set": VM % "xml: [{at: ./title, set: '${pw}'}]",
    "vms.a.xml[0].add": VM % "xml: [{at: ., add: '<a>${pw}</a>'}]",
    "vms.a.image": "vms: {a: {image: './${pw}.qcow2'}}",
    "vms.a.image.url": "vms: {a: {image: {url: 'https://u:${pw}@example.org/i', sha256: %s}}}" % ("a" * 64),
    "vms.a.cloud_init.file": "vms: {a: {image: debian-12, cloud_init: {file: './${pw}'}}}",
    "vms.a.ready[0].http": VM % "ready: [{http: 'http://10.0.0.1/${pw}'}]",
    "defaults.disk": "defaults: {disk: '${pw}'}",
}


@pytest.mark.parametrize("path", REFUSED)
def test_it_is_refused_elsewhere(tmp_path, path):
    text = PARAMETER + REFUSED[path]
    (told,) = [each for each in problems(tmp_path, text, sets={"pw": SECRET}) if path in each]
    assert f": {path}: others could read the secret pw here" in told
    assert told.endswith("(put it into cloud_init)")
    assert "hunter" not in told


def test_another_text_may_stand_anywhere(tmp_path):
    text = "parameters: {pw: {}}\n" + REFUSED["description"]
    assert loaded(tmp_path, text, sets={"pw": SECRET}).lab.description == f"for {SECRET}"


def test_a_new_field_refuses_secrets_until_somebody_allows_them():
    """A field of the schema that is not listed in `may_hold_secret` is refused without anybody's doing."""
    from labctl.labfile.secret_fields import may_hold_secret

    fields = [key for key in json.loads(schema.text())["$defs"]["vm"]["properties"] if key != "cloud_init"]
    assert len(fields) > 20
    assert not any(may_hold_secret(("vms", "a", key)) for key in [*fields, "provision"])
