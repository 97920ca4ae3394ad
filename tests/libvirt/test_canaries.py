"""Canaries: secrets that occur nowhere else are looked for in all that labctl writes and tells."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from labctl.app import desired_state
from labctl.app.prepare import prepare
from labctl.cli.boundary import guarded
from labctl.core import xmltree
from labctl.core.errors import Rejected
from labctl.core.marked import Marked
from labctl.core.spec import of_kind
from tests.disks import raw
from tests.libvirt.conftest import NODE

LABFILE = """\
labfile: 1
name: hush
parameters:
  plain: {secret: true, pattern: "^[^ ]+$"}
  quoted: {secret: true}
  pin: {secret: true, type: integer, minimum: 1000}
networks: {front: {subnet: 10.90.0.0/24}}
vms:
  a:
    image: ./disk.raw
    memory: 64MiB
    networks: [front]
    cloud_init:
      chpasswd: {list: "lab:${plain}"}
      write_files: [{path: /secret, content: "${quoted} ${pin}"}]
    ready: [{exec: "login '${plain}' ${pin}"}]
"""
QUOTED = "Kanarien\"vogel'\\ 47<11"
SECRETS = {"plain": "Kanarienvogel-0815", "quoted": QUOTED, "pin": "4711081547"}
PARTS = ("Kanarien", "4711081547", "0815", "47<11", "47&lt;11")
WRONG = {
    "a name": ("name: hush", "name: hush-${plain}"),
    "a pattern": ('"^[^ ]+$"', '"^[a-z]+$"'),
    "a limit": ("minimum: 1000", "maximum: 1000"),
    "libvirt's XML": ("memory: 64MiB", "memory: 64MiB, xml: [{at: ., add: '<a>${quoted}</a>'}]"),
    "a command line": ("memory: 64MiB", "boot: {cmdline: 'pw=${plain}'}"),
    "an unknown field": ("memory:", "memroy:"),
    "YAML": ("vms:", "vms: [${plain}"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    made = tmp_path / "lab"
    made.mkdir()
    raw(made / "disk.raw")
    (made / "Labfile.yaml").write_text(LABFILE)
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"LABCTL_SET_{name.upper()}", value)
    return made


def run(folder: Path, *words: str) -> int:
    return guarded([*words, "-f", str(folder), "-c", NODE])


def holding(text: str) -> list[str]:
    return [part for part in PARTS if part in text]


def written(path: Path) -> str:
    """What is written in a file, without its holes: disks of other tests have terabytes of them."""
    found, position = b"", 0
    with path.open("rb") as file, suppress(OSError):  # no data follows
        while True:
            start = os.lseek(file.fileno(), position, os.SEEK_DATA)
            position = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            found += os.pread(file.fileno(), position - start, start)
    return found.decode(errors="replace")


def test_a_lab_s_life_tells_and_writes_no_secret(folder, capsys, tmp_path_factory):
    """The driver stores no seed, so `up` fails; of that no secret is told either."""
    for verb in (["validate"], ["plan"], ["up", "--yes"], ["status"], ["destroy", "--yes"]):
        for more in ([], ["--json"], ["-v", "--debug"]):
            run(folder, *verb, *more)
    told = capsys.readouterr()
    assert "vm/a" in told.out
    assert holding(told.out + told.err) == []
    everywhere = tmp_path_factory.getbasetemp()
    (everywhere / "sparse").touch()
    os.truncate(everywhere / "sparse", 1 << 38)
    files = [Path(top, name) for top, _, names in os.walk(everywhere) for name in names]
    assert files
    assert [path for path in files if path.is_file() and holding(written(path))] == []


@pytest.mark.parametrize("wrong", WRONG)
def test_no_mistake_brings_a_secret_to_light(folder, capsys, wrong):
    path = folder / "Labfile.yaml"
    old, new = WRONG[wrong]
    assert old in LABFILE
    path.write_text(LABFILE.replace(old, new, 1))
    for more in ([], ["--json"], ["--debug"]):
        assert run(folder, "validate", *more) == 2
        assert run(folder, "plan", *more) == 2
    told = capsys.readouterr()
    assert holding(told.out + told.err) == []


def test_what_libvirt_is_told_has_no_secret(world, folder):
    world.text = LABFILE
    (world.folder / "disk.raw").write_bytes((folder / "disk.raw").read_bytes())
    specs = [step.spec for step in prepare(world.session(), desired_state.up()).plan.steps]
    texts = [xmltree.to_text(spec.rendered()) for spec in of_kind(specs, Marked)]
    assert len(texts) == 2
    assert holding("".join(texts)) == []


def test_python_is_told_no_secret_by_an_error(folder):
    from labctl import Lab

    (folder / "Labfile.yaml").write_text(LABFILE.replace("image: ./disk.raw", f"image: {json.dumps(QUOTED)}"))
    with Lab(folder, connect=NODE) as lab, pytest.raises(Rejected) as caught:
        lab.plan()
    assert "***" in str(caught.value)
    assert holding(f"{caught.value} {caught.value.problems} {caught.value.args}") == []
