"""Kernels and initrds that a Labfile names: they are the lab's own, for QEMU alone, and go with it."""

import shutil
from pathlib import Path

import pytest

from labctl.host.libvirt import pools
from tests.e2e.harness import daemons
from tests.e2e.labfiles import blank_lab, micro_lab, virsh

POOL = Path("/var/lib/libvirt/images/labctl-shop")
STORE = Path("/var/lib/libvirt/images/labctl-images")
QEMU_CONF = Path("/etc/libvirt/qemu.conf")
QEMU = 64055  # the uid that Debian gives libvirt-qemu


@pytest.fixture
def lab(make_lab, micro):
    """Of a VM that boots a kernel, and that nobody waits for."""
    made = blank_lab("shop", networks={}, vms={"web": {"cloud_init": False}})
    made["defaults"]["boot"] = {"kernel": str(micro.kernel), "initrd": str(micro.initrd)}
    return make_lab(made)


@pytest.fixture
def unprivileged_qemu():
    """QEMU runs as on a real host, where libvirt gives it the files of its VM."""
    before = QEMU_CONF.read_text()
    set_users = before.replace('"root"', f'"+{QEMU}"')
    assert set_users != before
    QEMU_CONF.write_text(set_users)
    daemons.restart()
    yield
    QEMU_CONF.write_text(before)
    daemons.restart()


def volumes(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir() if path.name.startswith("sha256-")}


def domain_id() -> str:
    return virsh("domid", "shop.web").strip()


def test_a_kernel_is_private_and_goes_with_its_lab(make_lab, micro, unprivileged_qemu):
    """A guest boots from what only QEMU's user can read, as its disk stands on an image of that kind."""
    lab = make_lab(micro_lab("shop", micro, networks={"back": {"mode": "isolated"}}, vms={"web": {}}))
    lab.up()
    own = volumes(POOL)
    assert sorted(path.suffix for path in own.values()) == [".img", ".img", ".ok", ".ok", ".seen", ".seen"]
    assert {path.stat().st_mode & 0o777 for path in own.values() if path.suffix != ".seen"} == {0o600}
    assert not own.keys() & volumes(STORE).keys()
    overlay, base = (
        (POOL / "web.root").stat(),
        next(path for path in volumes(STORE).values() if path.suffix == ".img"),
    )
    assert (overlay.st_uid, base.stat().st_mode & 0o777) == (QEMU, 0o600)
    lab.ok("reload", "--yes")
    assert lab.plan() == {}
    lab.destroy()
    assert not POOL.exists()


def test_a_lab_from_before_takes_its_kernel_without_a_restart(lab, connection):
    """It was in the store then."""
    lab.up()
    pools.define(connection, "labctl-images", str(STORE))
    running = domain_id()
    own = volumes(POOL)
    for name, path in own.items():
        shutil.move(path, STORE / name)
    old = virsh("dumpxml", "--inactive", "shop.web").replace(f"{POOL}/sha256-", f"{STORE}/sha256-")
    (lab.path.parent / "web.xml").write_text(old)
    virsh("define", str(lab.path.parent / "web.xml"))
    for pool in ("labctl-shop", "labctl-images"):
        virsh("pool-refresh", pool)
    plan = lab.plan()
    assert {address: steps[0] for address, steps in plan.items()} == {
        "image/vmlinuz": "create",
        "image/initrd": "create",
        "vm/web": "update",
    }, plan
    assert set(plan["vm/web"][1:]) == {"kernel", "initrd"}
    lab.up()
    assert domain_id() == running
    assert volumes(POOL).keys() == own.keys()
    for name in own:
        (STORE / name).unlink()
    virsh("pool-refresh", "labctl-images")
    virsh("destroy", "shop.web")
    lab.up()


def test_a_kernel_that_is_damaged_is_stored_again(lab):
    lab.up()
    kernel = next(path for path in volumes(POOL).values() if path.suffix == ".img")
    kernel.write_bytes(b"other")
    assert "is damaged in the store" in lab.ok("status").stderr
    lab.up()
    assert kernel.stat().st_size > 5
