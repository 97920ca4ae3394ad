"""The key of a warm state, and the lab that begins with one."""

import os
import subprocess
import sys
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
import yaml

from labctl.core.address import Address
from labctl.core.lifecycle import Stage, State
from labctl.core.record import is_record, replace, values
from labctl.core.unquoted import Unquoted
from labctl.engine import warm_key
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.folder.spec import FolderSpec
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.warm.spec import WarmDisk, WarmSpec, WarmVm
from tests.composed import SECRET, composed

IDLE = (".positions", ".outside", ".written", ".description", ".warm")  # they make no lab
GOLDEN = [Path(__file__).parents[2] / "golden" / f"{name}.yaml" for name in ("hardware", "direct", "shared")]
PIN = "4711"
RICH = {
    "parameters": {"pin": {"secret": True}, "colour": {"default": "red"}},
    "networks": {"front": {"subnet": "10.0.0.0/24"}, "back": {"subnet": "10.0.1.0/24"}},
    "volumes": {"shared": {"size": "1GiB"}, "other": {"size": "2GiB"}},
    "vms": {
        "web": {
            "image": "debian-12",
            "count": 1,
            "networks": [{"name": "front", "ip": "10.0.0.10"}],
            "depends_on": {"db": "created"},
            "disks": [{"name": "shared", "volume": "shared"}],
            "cloud_init": {"password": "${pin}", "write_files": [{"path": "/x", "content": "y"}]},
            "ready": [{"exec": "test ${pin}"}, {"tcp": 22}],
            "provision": [
                {"shell": "echo", "env": {"PIN": "${pin}"}},
                {"copy": {"source": "/bin", "target": "/x"}},
            ],
            "folders": [{"source": "/usr/share", "target": "/srv/x", "type": "rsync"}],
            "forwards": ["8080:80"],
        },
        "db": {"image": "debian-12", "networks": [{"name": "front", "ip": "10.0.0.20"}], "state": "off"},
    },
    "provision": [{"shell": "all", "on": ["web"]}],
}


def made(content=RICH, pin=PIN):
    return composed(content, sets={"pin": pin} if "parameters" in content else {})


def key(content=RICH, pin=PIN, secret=SECRET):
    return warm_key.key(warm_key.parts(*made(content, pin), {}, secret))


def changed(value):
    """Values of the same kind that differ as little as can be."""
    if is_record(value):
        for name, each in values(value).items():
            yield from (
                (f".{name}{where}", replace(value, **{name: other})) for where, other in changed(each)
            )
    elif isinstance(value, dict):
        yield "+", {**value, "more": next(iter(value.values()), 1)}
        for name, each in value.items():
            yield f"-{name}", {k: v for k, v in value.items() if k != name}
            yield from ((f"[{name}]{where}", {**value, name: other}) for where, other in changed(each))
    elif isinstance(value, tuple | list):
        kind = type(value)
        yield from [("+", kind([*value, value[-1]]))] if value else []
        for at, each in enumerate(value):
            yield f"-{at}", kind([*value[:at], *value[at + 1 :]])
            yield from (
                (f"[{at}]{where}", kind([*value[:at], other, *value[at + 1 :]]))
                for where, other in changed(each)
            )
    else:
        yield "", _other(value)


def _other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        return next(each for each in type(value) if each is not value)
    if isinstance(value, int | float | IPv4Address | IPv6Address):
        return value + 1
    if isinstance(value, Path):
        return value / "x"
    if isinstance(value, frozenset):
        return value | {"more"}
    return f"{value}x"


@pytest.mark.parametrize("content", [RICH, *GOLDEN], ids=lambda each: getattr(each, "stem", "rich"))
def test_any_change_of_anything_that_makes_the_lab_is_another_key(content):
    """The smallest changes of each field of the Labfile, of the addresses and of all specs."""
    lab, allocation, specs = made(content if content is RICH else yaml.safe_load(content.read_text()))

    def differ(what, one, other):
        """The rest can be left out: each part is a digest of its own."""
        given = {"lab": lab, "allocation": allocation, "specs": {}}
        parts = [warm_key.parts(*(given | {what: each}).values(), {}, SECRET) for each in (one, other)]
        return parts[0] != parts[1]

    for where, other in changed(replace(lab, positions={}, outside={}, written={})):
        assert differ("lab", lab, other) is not where.startswith(IDLE), where
    for name in ("networks", "nics"):
        for where, other in changed(getattr(allocation, name)):
            assert differ("allocation", allocation, replace(allocation, **{name: other})), where
    for address, spec in specs.items():
        for where, other in changed(spec):
            assert differ("specs", {address: spec}, {address: other}), (address, where)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (1, "1"),
        (None, "None"),
        (None, ""),
        ((), ""),
        ((), None),
        ({}, ()),
        ({"a": "b"}, ("a", "b")),
        ({1: "x"}, {"1": "x"}),
        ("2001-01-01", Unquoted("2001-01-01")),
        ("10.0.0.1", IPv4Address("10.0.0.1")),
        (State.OFF, "off"),
        (Stage.READY, Stage.BOOTED),
        (Path("/x"), "/x"),
        (("a", "b"), ("ab",)),
        (("a", ("b",)), ("a", "b")),
        (frozenset({"a"}), ("a",)),
        (WarmDisk("a"), WarmVm("a")),
    ],
)
def test_values_that_are_not_the_same_have_other_digests(one, other):
    assert warm_key.digest(one, SECRET) != warm_key.digest(other, SECRET)


def test_the_key_is_the_same_in_each_process():
    program = "from tests.unit.engine.test_warm_key import key; print(key())"
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert keys == {key()}


def _reordered(content):
    """The same with the keys of all maps the other way round."""
    if isinstance(content, dict):
        return {name: _reordered(content[name]) for name in reversed(content)}
    return [_reordered(each) for each in content] if isinstance(content, list) else content


def test_the_order_of_keys_and_what_is_only_told_are_no_difference():
    assert key(_reordered(RICH)) == key()
    assert key({**RICH, "description": "another", "warm": True}) == key()


def test_a_secret_is_in_the_key_and_nobody_can_try_secrets_out_without_the_labs_own():
    """The key is in names of volumes, which other users of the host can read."""
    assert key(pin="4712") != key()
    assert key(secret=b"of another lab") != key()


def test_what_is_in_a_copied_folder_counts_also_where_no_step_could_use_it():
    """cloud-init runs after the folder came, and a process may run from it."""
    folder = {"source": "/usr/share", "target": "/srv/x", "type": "rsync"}
    lab, allocation, specs = composed({"vms": {"web": {"image": "debian-12", "folders": [folder]}}})
    (copied,) = [each for each in specs.values() if isinstance(each, FolderSpec)]
    fuller = {**specs, copied.address: replace(copied, content="other")}
    assert (
        len({warm_key.key(warm_key.parts(lab, allocation, each, {}, SECRET)) for each in (specs, fuller)})
        == 2
    )


def test_the_parts_say_what_differs():
    lab, allocation, specs = made()
    parts = dict(warm_key.parts(lab, allocation, specs, {"files": ["x"]}, SECRET))
    others = dict(warm_key.parts(replace(lab, name="b"), allocation, specs, {"files": ["y"]}, SECRET))
    assert [name for name in parts if parts[name] != others[name]] == ["Labfile", "files"]
    assert [*parts] == ["place", "Labfile", "images", "addresses", "files", "labctl"]


@pytest.mark.parametrize("moved", [{"folder": Path("/labs/other")}, {"path": Path("/labs/shop/other.yaml")}])
def test_a_labfile_elsewhere_is_told_as_that_and_not_as_an_edit(moved):
    lab, allocation, specs = made()
    one, other = (
        dict(warm_key.parts(each, allocation, specs, {}, SECRET)) for each in (lab, replace(lab, **moved))
    )
    assert [name for name in one if one[name] != other[name]] == ["place"]


def test_two_people_with_the_same_labfile_have_warm_states_of_their_own():
    """Nothing else of this lab has the place, as a path of a file that it copies would."""
    lab, allocation, specs = composed({"vms": {"web": {"image": "debian-12"}}})
    mine, hers = (
        replace(lab, folder=Path(each), path=Path(each) / "Labfile.yaml") for each in ("/me", "/her")
    )
    assert (
        len({warm_key.key(warm_key.parts(each, allocation, specs, {}, SECRET)) for each in (mine, hers)}) == 2
    )


def test_another_labctl_is_another_key():
    assert (
        len({warm_key.key(warm_key.parts(*made(), {"labctl": each}, SECRET)) for each in ("0.1.0", "0.2.0")})
        == 2
    )


STATE = WarmSpec(
    "shop",
    "k",
    taken="2026-11-26T12:03:09+00:00",
    vms=(WarmVm("web-1", "m1", 7, "v1"),),
    disks=(WarmDisk("web-1/root", "d1"), WarmDisk("shared", "s")),
)


def test_what_begins_with_a_warm_state_has_its_memory_and_disks_and_waits_for_no_other_vm():
    specs = made()[2]
    begun = warm_key.begun_with(STATE, specs, "/store")
    web, db = (begun[Address("vm", name)] for name in ("web-1", "db"))
    assert (web.saved.path, web.saved.bytes, web.saved.variables) == ("/store/m1", 7, "v1")
    assert db == specs[Address("vm", "db")]
    needed = {str(need.address) for need in web.needs()}
    assert {"disk/web-1/root", "folder/web-1/srv/x", "provision/web-1/1"} <= needed
    assert "vm/db" not in needed
    saved = {each.name: each.saved for each in begun.values() if isinstance(each, DiskSpec)}
    assert saved == {"web-1/root": "d1", "db/root": "", "shared": "s", "other": ""}
    root = Address("disk", "web-1/root")
    assert root in {need.address for need in begun[Address("disk", "shared")].needs()}, "no system, no volume"
    assert begun[root].behind == ()
    assert all(begun[each] == spec for each, spec in specs.items() if not isinstance(spec, VmSpec | DiskSpec))
