"""From Labfiles as data to specs on a made-up host, without libvirt: what plans and XML are tested with."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from labctl.app.prepare import keep
from labctl.core.address import Address
from labctl.core.record import replace
from labctl.core.spec import Spec, of_kind
from labctl.engine import provision
from labctl.engine.allocate import allocate_with_references
from labctl.engine.compose import Site, compose
from labctl.kinds.image.spec import ImageSpec
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.vm.spec import VmSpec
from labctl.labfile.load import Loaded, load

if TYPE_CHECKING:
    from labctl.engine.allocation import Allocation, Occupied
    from labctl.labfile.model import Image, LabModel

Specs = dict[Address, Spec]
LABFILE = Path("/labs/shop/Labfile.yaml")
ROOT = "/var/lib/libvirt/images"
SECRET = b"of the tests"


def specs(
    content: dict[str, Any] | None, existing: Specs | None = None, occupied: tuple[Occupied, ...] = ()
) -> Specs:
    """Everything that a Labfile wants, where `existing` is there; nothing for none."""
    if content is None:
        return {}
    existing = existing or {}
    return keep(composed(content, existing, occupied)[2], existing, SECRET)


def composed(
    content: dict[str, Any],
    existing: Specs | None = None,
    occupied: tuple[Occupied, ...] = (),
    **given: Any,
) -> tuple[LabModel, Allocation, Specs]:
    """A lab by its Labfile, its addresses, and its specs as they are composed of these; `given` is for `load`."""
    loaded, allocation = allocate_with_references(_loaded(content, **given), existing or {}, occupied)
    assert not allocation.problems
    lab = replace(loaded.lab, path=LABFILE, folder=LABFILE.parent)
    site = Site("x86_64", kvm=True, types=frozenset({"kvm", "qemu"}), pool=f"{ROOT}/labctl-{lab.name}",
                store=f"{ROOT}/labctl-images", images=_images(lab), secret=SECRET)  # fmt: skip
    return lab, allocation, compose(lab, allocation, lambda _address: site)


def applied(wanted: Specs) -> Specs:
    """What `up` has made of it: VMs run and were seen ready, and have records of their steps."""
    steps = list(of_kind(wanted.values(), ProvisionSpec))
    made = {address: spec for address, spec in wanted.items() if not isinstance(spec, ProvisionSpec)}
    for address, spec in made.items():
        if isinstance(spec, VmSpec) and spec.state == "running":
            records = {step.key: {"digest": step.content} for step in steps if spec.name in step.on}
            made[address] = replace(
                spec, ready=True, applied=spec.fingerprint(), records={ProvisionSpec.kind: records}
            )
    return made


def with_steps(existing: Specs, wanted: Specs) -> Specs:
    """What exists, and the wanted steps that are done."""
    return existing | provision.done(wanted.values(), existing)


def _loaded(content: dict[str, Any], **given: Any) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Labfile.yaml"
        path.write_text(yaml.safe_dump({"labfile": 1, "name": "shop", **content}, sort_keys=False))
        return load(str(path), **given)


def _images(lab: LabModel) -> dict[tuple[Image, str], ImageSpec]:
    """Each image by its name, of 3 GiB; one that is built without a boot loader boots directly."""
    found = {disk.image for vm in lab.vms for disk in vm.disks if disk.image}
    return {
        (image, "x86_64"): ImageSpec(
            image.label,
            f"sha256-{image.label}",
            "url",
            f"https://vendor.example/{image.label}",
            3 << 30,
            direct=image.build is not None and not image.build.bootable,
            cmdline="root=/dev/vda" if image.build else "",
        )
        for image in found
    }
