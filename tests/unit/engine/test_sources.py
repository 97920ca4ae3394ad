"""Which image each VM's disks stand on, and how that is pinned."""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labctl.core.errors import Rejected
from labctl.core.record import replace
from labctl.engine import sources
from labctl.engine.pinning import Pinning
from labctl.engine.sources import Sources
from labctl.host.hosts import Hosts
from labctl.kinds import addresses
from labctl.kinds.image.spec import POOL, ImageSpec
from labctl.kinds.image.store import CheckedImage
from labctl.labfile.load import load
from labctl.labfile.lockfile import Pin
from tests.disks import raw

X86, ARM = "sha256-" + "a" * 64, "sha256-" + "b" * 64
Resolve = Callable[..., Sources]


def spec(key: str, **other: Any) -> ImageSpec:
    return ImageSpec(**{"label": "router", "key": key, "source": "store", "size": 1 << 20, **other})


@pytest.fixture
def resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Resolve the images of these VMs, with a catalogue that has an imported image, and a store that has `stored`."""
    entry = {"router": {"digests": {"x86_64": X86.replace("-", ":"), "aarch64": ARM.replace("-", ":")}}}
    monkeypatch.setenv("LABCTL_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "config/images").mkdir(parents=True)
    (tmp_path / "config/images/router.yaml").write_text(json.dumps(entry))

    def resolved(
        vms: dict[str, Any], *stored: ImageSpec, pinning: Pinning | None = None, running: bool = False
    ) -> Sources:
        class Store:
            def __init__(self, _host: object, pool: str = POOL) -> None:
                self._pool = pool

            def look(self, keys: Collection[str]) -> dict[str, CheckedImage]:
                found = [each for each in stored if each.key in keys and each.pool == self._pool]
                damage = {f"{X86}.img": "it is gone"}
                return {
                    each.key: CheckedImage(
                        each, {} if each.sound else damage, {}, ("labctl-t/a.root",), running
                    )
                    for each in found
                }

        monkeypatch.setattr(sources, "ImageStore", Store)
        document = {"labfile": 1, "name": "t", "vms": vms}
        (tmp_path / "Labfile.yaml").write_text(json.dumps(document))
        lab = load(str(tmp_path / "Labfile.yaml"), sets={}, params_files=[], environ={}).lab
        host = SimpleNamespace(capabilities=SimpleNamespace(arch="x86_64"))
        return sources.resolve_images(Hosts(host), lab, pinning or Pinning({}))  # type: ignore[arg-type]

    return resolved


@pytest.mark.parametrize("running", [False, True])
def test_a_damaged_image_is_wanted_sound_and_told_with_what_stands_on_it(resolve, running):
    damaged = spec(X86, arch="x86_64", source="url", origin="https://vendor.example/router", sound=False)
    pinning = Pinning({("router", "x86_64"): Pin(X86, "https://vendor.example/router", 1 << 20)})
    found = resolve({"a": {"image": "router"}}, damaged, pinning=pinning, running=running)
    assert [each.sound for each in found.images.values()] == [True]
    assert [each.sound for each in found.present] == [False]
    (note,) = found.notes
    assert note.summary == "image router: it is damaged in the store: it is gone; on it stand labctl-t/a.root"
    assert bool(note.hint) == running  # what does not run has no damaged file open


def test_an_imported_image_that_is_damaged_is_an_error_that_says_so(resolve):
    with pytest.raises(Rejected, match="was imported, and is damaged in the store of this host"):
        resolve({"a": {"image": "router"}}, spec(X86, arch="x86_64", sound=False))


def test_one_name_is_another_image_on_another_architecture(resolve):
    vms = {"a": {"image": "router"}, "b": {"image": "router", "arch": "aarch64"}}
    found = resolve(vms, spec(X86, arch="x86_64"), spec(ARM, arch="aarch64"))
    assert {arch: each.key for (_, arch), each in found.images.items()} == {"x86_64": X86, "aarch64": ARM}
    assert len({each.label for each in found.images.values()}) == 2
    assert {where: pin.key for where, pin in found.pins.items()} == {
        ("router", "x86_64"): X86,
        ("router", "aarch64"): ARM,
    }


def test_a_file_is_pinned_for_the_architecture_of_the_vm_that_uses_it(resolve, tmp_path):
    raw(tmp_path / "a.img")
    vms = {"a": {"image": "./a.img", "arch": "aarch64"}}
    pins = resolve(vms).pins
    assert list(pins) == [("a.img", "aarch64")]
    assert resolve(vms, pinning=Pinning(pins, locked=True)).pins == pins


def test_kernels_are_looked_for_in_the_pool_of_the_lab(resolve, tmp_path):
    """They may be private, and go with it; in the store, which has the same file, they would do neither."""
    (tmp_path / "vmlinuz").write_bytes(b"\x7fELF")
    vms = {"a": {"image": "none", "boot": {"kernel": "./vmlinuz"}}}
    (kernel,) = resolve(vms).blobs.values()
    assert (kernel.pool, kernel.needs()[0].address) == ("labctl-t", addresses.pool("t"))
    assert resolve(vms).present == ()
    stored = replace(kernel, lab="")
    assert resolve(vms, stored).present == ()
    assert [each.lab for each in resolve(vms, replace(kernel, sound=False)).present] == ["t"]


def test_what_is_lost_is_told_once_and_where_the_labfile_states_it(resolve):
    blank = {"image": "none", "disk": "1MiB"}
    vms = {
        "a": {"count": 3, "image": "router"},
        "b": {"count": 3, **blank, "disks": [{"name": "data", "image": "router"}], "arch": "aarch64"},
    }
    with pytest.raises(Rejected) as caught:
        resolve(vms)
    assert [each.path for each in caught.value.problems] == ["vms.a.image", "vms.b.disks.data.image"]


def test_what_is_refused_is_told_where_the_labfile_states_it(resolve, tmp_path):
    (tmp_path / "bad.img").write_bytes(b"x")
    data = {"name": "data", "image": "./bad.img"}
    with pytest.raises(Rejected) as caught:
        resolve({"a": {"count": 2, "image": "none", "disk": "1MiB", "disks": [data]}})
    (problem,) = caught.value.problems
    assert problem.path == "vms.a.disks.data.image"


def test_an_imported_image_in_use_is_pinned_without_the_file_that_it_came_from(resolve):
    """The lock was lost: what exists keeps its image, and the file of this machine is no address for others."""
    kept = spec(X86, arch="x86_64", source="path", origin="/home/me/router.qcow2")
    found = resolve({"a": {"image": "router"}}, kept, pinning=Pinning({}, in_use=[X86]))
    assert found.pins["router", "x86_64"].origin == ""
    assert [each.source for each in found.images.values()] == ["store"]


def test_an_image_that_is_not_for_the_host_says_that_this_is_the_host_s_architecture(resolve, tmp_path):
    """Where the Labfile states another one, it is the Labfile's."""
    entry = {"arm": {"digests": {"aarch64": ARM.replace("-", ":")}}}
    (tmp_path / "config/images/arm.yaml").write_text(json.dumps(entry))
    with pytest.raises(Rejected) as error:
        resolve({"a": {"image": "arm"}, "b": {"image": "router", "arch": "riscv64"}})
    assert [(each.summary, each.hint) for each in error.value.problems] == [
        ("arm is not made for x86_64, the architecture of this libvirt host", "it is for aarch64"),
        ("router is not made for riscv64", "it is for x86_64, aarch64"),
    ]


CATALOGUE = "https://vendor.example/vendor.qcow2"
ELSEWHERE = [
    "https://evil.example/vendor.qcow2",
    "https://vendor.example/../evil.qcow2",
    "https://vendor.example@evil/",
]


@pytest.fixture
def vendor(resolve, tmp_path):
    """A name of the catalogue that has an address, and a lock that has it from somewhere."""
    entry = {"vendor": {"url": {"x86_64": CATALOGUE}, "digests": {"x86_64": X86.replace("-", ":")}}}
    (tmp_path / "config/images/vendor.yaml").write_text(json.dumps(entry))

    def resolved(origin: str, *, locked: bool = False) -> Sources:
        pinning = Pinning({("vendor", "x86_64"): Pin(ARM, origin, 1 << 20)}, locked)
        return resolve({"a": {"image": "vendor"}}, pinning=pinning)

    return resolved


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("origin", ELSEWHERE)
def test_a_lock_that_sends_a_name_elsewhere_needs_a_yes(vendor, origin, locked):
    (found,) = vendor(origin, locked=locked).reaches
    assert (found.subject, found.where, found.content) == (origin, "Labfile.lock", ARM)
    assert CATALOGUE in found.reason


def test_a_lock_with_the_catalogues_own_address_needs_none(vendor):
    assert vendor(CATALOGUE).reaches == ()


@pytest.mark.parametrize("origin", ["/etc/shadow", "../x", "file:///etc/shadow", "http://vendor.example/x"])
def test_a_lock_never_has_a_name_from_this_machine_or_without_tls(vendor, origin):
    with pytest.raises(Rejected, match="no https address"):
        vendor(origin)
