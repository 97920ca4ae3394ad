"""The result of observing the objects of one kind on a host."""

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
    """The lab's objects of one kind, and the objects of others that they could collide with.

    `specs` are the lab's objects as they are defined, `live` the running ones as they run. `handles` are libvirt's
    objects by address, for callers that query more of them.
    """

    specs: tuple[S, ...] = ()
    live: tuple[S, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    handles: Mapping[Address, Any] = field(default_factory=dict)
