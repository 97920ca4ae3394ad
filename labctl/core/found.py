"""What a kind found on a host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from labctl.core.record import field, record
from labctl.core.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.core.address import Address
    from labctl.core.marked import Foreign

S = TypeVar("S", bound=Spec)


@record
class Found(Generic[S]):
    """The lab's objects of this kind, and others' that they could collide with.

    `specs` are as they are defined, `live` those that run, as they run. `handles` are libvirt's objects of the specs,
    where others may want to ask them for more.
    """

    specs: tuple[S, ...] = ()
    live: tuple[S, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    handles: Mapping[Address, Any] = field(default_factory=dict)
