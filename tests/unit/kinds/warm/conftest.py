"""A warm state of a lab with one VM and a volume."""

import pytest

from labctl.kinds.warm.spec import WarmDisk, WarmSpec, WarmVm

KEY = "0123456789abcdef"
START = f"_warm.shop.{KEY}."


@pytest.fixture
def warm():
    return WarmSpec(
        "shop",
        KEY,
        parts=(("Labfile", "1" * 64), ("images", "2" * 64)),
        taken="2026-11-26T12:03:09+00:00",
        paused_s=0.61,
        vms=(
            WarmVm(
                "web",
                f"{START}memory.web",
                bytes=9,
                variables=f"{START}web._nvram",
                definition="<domain/>",
                private_key="PRIVATE",
                public_key="ssh-ed25519 AAAA web",
            ),
        ),
        disks=(
            WarmDisk("web/root", f"{START}disk.web.root"),
            WarmDisk("shared", f"{START}disk._volume.shared"),
        ),
        secret="00ff" * 16,
        stamps=((f"{START}memory.web", "1 2"),),
    )
