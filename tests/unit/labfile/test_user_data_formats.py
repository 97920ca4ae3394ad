"""Files that are no cloud-config are told by what they are, in one line, with what to write instead."""

import gzip

import pytest

from labctl.core.errors import Rejected
from labctl.labfile.load import load
from tests.unit.labfile.labfiles import problems

LAB = "labfile: 1\nname: lab\nvms: {a: {image: debian-12, cloud_init: {file: user-data}}}\n"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (gzip.compress(b"#cloud-config\n", mtime=0), "this is compressed by gzip"),
        (b"\xfd7zXZ\x00\x00", "this is compressed by xz"),
        (b"I2Nsb3VkLWNvbmZpZwo=\n", "this is base64"),
        (b"#!/bin/sh\ntrue\n", "this is a script"),
        (b"\n#!/bin/sh\n", "this is a script"),
        (b"#include\nhttps://example.org/a\n", "this is a list of URLs to include"),
        (b"#include-once\nhttps://example.org/a\n", "this is a list of URLs to include"),
        (b"#part-handler\ndef list_types(): pass\n", "this is a part handler, code for cloud-init itself"),
        (b"## template: jinja\n#cloud-config\n", "this is a jinja template"),
        (b"#cloud-boothook\n#!/bin/sh\n", "this is a boothook"),
        (b"#cloud-config-archive\n- type: x\n", "this is an archive of several parts"),
        (b"#cloud-config-jsonp\n[]\n", "this is a JSON patch"),
        (b'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n', "this is a MIME message"),
        (b"MIME-Version: 1.0\n", "this is a MIME message"),
        (b'{"ignition": {"version": "3.4.0"}}', "this is Ignition's configuration"),
        (b"variant: fcos\nversion: 1.5.0\n", "this is Butane's configuration"),
        (b"<?xml version='1.0'?><unattend/>", "this is XML"),
    ],
)
def test_what_is_no_cloud_config_is_recognised(tmp_path, data, told):
    (tmp_path / "user-data").write_bytes(data)
    (found,) = problems(tmp_path, LAB.partition("name: lab\n")[2])
    assert found.startswith(f"user-data:1:1: {told}, not cloud-config (")


@pytest.mark.parametrize(
    "data",
    [
        b"#cloud-config\npackages: [vim]\n",
        b"packages: [vim]\n",
        b'{"packages": ["vim"]}',
        b"\xef\xbb\xbfpackages: [vim]",
    ],
)
def test_cloud_config_is_taken_with_and_without_its_first_line_and_as_json(tmp_path, data):
    (tmp_path / "user-data").write_bytes(data)
    assert problems(tmp_path, LAB.partition("name: lab\n")[2]) == []


@pytest.mark.parametrize("data", [b"", b"#cloud-config\n"])
def test_an_empty_file_says_what_to_write(tmp_path, data):
    (tmp_path / "user-data").write_bytes(data)
    (found,) = problems(tmp_path, LAB.partition("name: lab\n")[2])
    hint = "write fields, as `packages: [curl]`, or leave the file out"
    assert found == f"user-data:1:1: the cloud-config is empty ({hint})"


@pytest.mark.parametrize(
    ("shown", "named"), [("Labfile.yaml", "user-data"), ("../x/Labfile.yaml", "../x/user-data")]
)
def test_a_file_beside_the_labfile_is_named_without_dots_that_lead_nowhere(
    tmp_path, monkeypatch, shown, named
):
    here = tmp_path / "x"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "Labfile.yaml").write_text(LAB.replace("user-data", "./user-data"))
    (here / "user-data").write_text("a: 1\na: 2\n")
    with pytest.raises(Rejected) as caught:
        load(shown)
    assert [str(each.where) for each in caught.value.problems] == [f"{named}:2:1"]


@pytest.mark.parametrize("shown", ["Labfile.yaml", "sub/Labfile.yaml", "../x/Labfile.yaml"])
def test_a_place_in_a_file_is_named_from_where_the_user_stands(tmp_path, monkeypatch, shown):
    """As the Labfile itself is, and as compilers do."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    folder = (here / shown).parent
    folder.mkdir(exist_ok=True)
    (here / shown).write_text(LAB)
    (folder / "user-data").write_text("a: 1\na: 2\n")
    with pytest.raises(Rejected) as caught:
        load(shown)
    (problem,) = caught.value.problems
    assert str(problem.where) == shown.replace("Labfile.yaml", "user-data:2:1")
    assert (here / problem.where.file).exists()
