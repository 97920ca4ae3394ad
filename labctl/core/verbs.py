"""What drivers do: the executor runs the verbs of a plan's steps one at a time.

Every driver creates, updates and deletes. A kind with a life of its own, as a VM, declares more verbs in its folder.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from labctl.core.lifecycle import Stage
from labctl.core.record import record

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.core.spec import Spec

S_contra = TypeVar("S_contra", bound="Spec", contravariant=True)
D_contra = TypeVar("D_contra", bound="Driver[Any]", contravariant=True)

Work = Callable[["StepOf[Any]", "Teller"], Awaitable[None] | None]


class Driver(Protocol[S_contra]):
    """Makes, changes and removes the objects of one kind.

    A method is blocking or a coroutine function. It first looks at what is there, so that it can be run again after a
    failure.
    """

    def create(self, step: StepOf[S_contra], tell: Teller, /) -> Awaitable[None] | None: ...

    def update(self, step: StepOf[S_contra], tell: Teller, /) -> Awaitable[None] | None: ...

    def delete(self, step: StepOf[S_contra], tell: Teller, /) -> Awaitable[None] | None: ...


@record
class Verb(Generic[D_contra]):
    """`name` is what JSON has, `doing` what people see while it runs, `of` gives the method of a driver."""

    name: str
    doing: str
    of: Callable[[D_contra], Work]
    lets_go: bool = False  # once it is done, what the object needs can go
    stops: bool = False  # those that need the object stop first
    boots: bool = False  # a guest boots from here on; a host bears only so many at a time
    reaches: Stage | None = None  # the stage that the object has come to once it is done

    def __str__(self) -> str:
        return self.name


CREATE: Verb[Driver[Any]] = Verb("create", "creating", lambda driver: driver.create, reaches=Stage.CREATED)
UPDATE: Verb[Driver[Any]] = Verb("update", "updating", lambda driver: driver.update, reaches=Stage.CREATED)
DELETE: Verb[Driver[Any]] = Verb("delete", "deleting", lambda driver: driver.delete, lets_go=True)
