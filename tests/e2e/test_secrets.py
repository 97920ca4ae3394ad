"""Canaries: secrets that occur nowhere else are looked for in all that a lab's life writes and tells."""

import os
from pathlib import Path

import libvirt

from tests.e2e.labfiles import micro_lab

CANARY = "Kanarienvogel-{}-4711"
PLACES = (
    "/run/lock",
    "/run/labctl",
    "/run/user",
    "/tmp",
    "/var/tmp",
    "/etc/libvirt",
    "/run/libvirt",
    "/var/log/libvirt",
)
SECRETS = {name: CANARY.format(name) for name in ("file", "command", "both")}


def test_nothing_but_the_seed_has_a_secret(monkeypatch, make_lab, micro, connection, tmp_path):
    vm = {
        "networks": ["front"],
        "cloud_init": {"write_files": [{"path": "/secret", "content": "${file} ${both}"}]},
        "ready": [{"exec": "test '${command}' != '${both}'"}],
    }
    parameters = {name: {"secret": True} for name in SECRETS}
    lab = make_lab(micro_lab("hush", micro, networks={"front": {}}, vms={"a": vm}, parameters=parameters))
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"LABCTL_SET_{name.upper()}", value)
    told = []
    for verb in (
        ["plan"],
        ["up", "--yes", "--trust"],
        ["plan", "--json"],
        ["status"],
        ["up", "--json", "-v", "--yes", "--trust"],
    ):
        done = lab.run(*verb, "--debug")
        assert done.code == 0, done
        told.append(done)
    vm["ready"] = [{"exec": "echo '${command}' >&2; false", "timeout": "2s"}]
    told += [lab.run("reload", "--yes", "--trust", *more) for more in ([], ["--json", "-v"])]
    assert {each.code for each in told[-2:]} == {4}
    vm["boot"] = {"cmdline": "pw=${both}"}
    told += [lab.run(verb, "--debug") for verb in ("plan", "validate")]
    assert {each.code for each in told[-2:]} == {2}
    del vm["boot"]
    vm["ready"] = []
    for text in [*(f"{each.stdout}{each.stderr}" for each in told), *definitions(connection)]:
        assert not found_in(text.encode()), text
    assert [path for path in files(tmp_path) if found_in(content(path))] == []
    seed = next(Path(each.path()) for each in volumes(connection) if each.name() == "a.seed")
    assert found_in(seed.read_bytes()) == ["file", "both"]
    assert seed.stat().st_mode & 0o077 == 0
    done = lab.run("destroy", "--yes", "--json")
    assert not found_in(f"{done.stdout}{done.stderr}".encode())
    assert [path for path in files(tmp_path) if found_in(content(path))] == []


def found_in(data: bytes) -> list[str]:
    return [name for name, value in SECRETS.items() if value.encode() in data]


def volumes(connection) -> list[libvirt.virStorageVol]:
    return [volume for pool in connection.listAllStoragePools() for volume in pool.listAllVolumes()]


def definitions(connection) -> list[str]:
    """The XML of all objects, as libvirt has it."""
    live = [each.XMLDesc() for each in connection.listAllDomains()]
    off = [each.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) for each in connection.listAllDomains()]
    rest = [*connection.listAllNetworks(), *connection.listAllStoragePools()]
    return [*live, *off, *(each.XMLDesc() for each in rest)]


def files(tmp_path: Path) -> list[Path]:
    """All regular files where labctl and libvirt write, but for the seed."""
    tops = [str(tmp_path), str(Path.home()), *PLACES]
    found = [Path(top, name) for each in tops for top, _, names in os.walk(each) for name in names]
    return [path for path in found if path.is_file() and not path.is_symlink() and path.name != "a.seed"]


def content(path: Path) -> bytes:
    """What a file begins with; other runs of tests remove theirs meanwhile."""
    try:
        with path.open("rb") as file:
            return file.read(64 << 20)
    except FileNotFoundError:
        return b""
