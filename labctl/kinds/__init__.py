"""The kinds of objects that labs consist of. Each has a folder; `engine/registry.py` lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from labctl.core.record import record
from labctl.core.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labctl.core.found import Found
    from labctl.core.verbs import Driver
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look

S = TypeVar("S", bound=Spec)


def none(_host: Host) -> Iterable[str]:
    return ()


@record
class Kind(Generic[S]):
    """A kind of object: its spec is pure, and the other fields work on a host.

    `driver` makes its driver, `observe` reads its objects. `labs` names the labs that a host has such objects of, for
    `labctl list`; VMs and networks are listed by `engine.overview`.
    """

    spec: type[S]
    driver: Callable[[Host, Keys], Driver[S]]
    observe: Callable[[Look], Found[S]]
    labs: Callable[[Host], Iterable[str]] = none

    @property
    def name(self) -> str:
        return self.spec.kind
