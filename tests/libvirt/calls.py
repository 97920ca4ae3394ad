"""The calls of libvirt's API that labctl makes, seen at its own classes: a test counts them, or has one fail."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import libvirt
import pytest

CLASSES = (
    libvirt.virConnect,
    libvirt.virDomain,
    libvirt.virDomainSnapshot,
    libvirt.virNetwork,
    libvirt.virStoragePool,
    libvirt.virStorageVol,
    libvirt.virStream,
)
# What asks nobody: names, handles and the connection itself, whose loss is another fault.
LOCAL = (
    "name",
    "key",
    "UUID",
    "UUIDString",
    "connect",
    "getConnect",
    "c_pointer",
    "getURI",
    "isAlive",
    "close",
    "ref",
)

Asked = Callable[[str, Any, Callable[[], Any]], Any]


def seen_by(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each call go through `asked`, which gets its name (`virDomain.create`), its object and the call itself."""
    for each in CLASSES:
        for name, real in list(vars(each).items()):
            if callable(real) and not name.startswith("_") and name not in LOCAL:
                monkeypatch.setattr(each, name, _through(asked, f"{each.__name__}.{name}", real))


def _through(asked: Asked, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(real)
    def call(thing: Any, *arguments: Any, **options: Any) -> Any:
        return asked(name, thing, lambda: real(thing, *arguments, **options))

    return call
