"""The NoCloud ISO, made in memory by pycdlib."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL = "cidata"  # cloud-init looks for a file system with this label


def cidata(files: Mapping[str, str]) -> bytes:
    """Make an ISO 9660 image with Joliet and Rock Ridge names and the label `cidata`.

    Args:
        files: name → text, with names as `user-data`, `meta-data` and `network-config`.
    """
    import pycdlib  # a run that makes no seed does without it

    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, vol_ident=LABEL, joliet=3, rock_ridge="1.09")
    for number, (name, text) in enumerate(sorted(files.items())):
        data = text.encode()
        iso.add_fp(io.BytesIO(data), len(data), f"/FILE{number}.;1", rr_name=name, joliet_path=f"/{name}")
    out = io.BytesIO()
    iso.write_fp(out)
    iso.close()
    return out.getvalue()
