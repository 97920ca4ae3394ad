"""The verbs of drivers. The executor runs the verbs of a step one after the other.

Every driver creates, updates and deletes. A kind with states, such as VMs, declares more verbs in its folder.
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
    """Creates, changes and deletes the objects of one kind.

    A method is blocking or a coroutine function. It first looks at the existing object, so that it can be run again
    after a failure.
    """

    def create(self, step: StepOf[S_contra], tell: Teller, /) -> Awaitable[None] | None: ...

    def update(self, step: StepOf[S_contra], tell: Teller, /) -> Awaitable[None] | None: ...

    def delete(self, step: StepOf[S_contra], tell: Teller, /) -> Awaitable[None] | None: ...


@record
class Verb(Generic[D_contra]):
    """One thing that a driver can do.

    `name` is its name in JSON, `doing` the word that people see while it runs. `of` gives a driver's method for it.
    """

    name: str
    doing: str
    of: Callable[[D_contra], Work]
    lets_go: bool = False  # after it, the object no longer needs other objects, so these can be deleted
    stops: bool = False  # objects that need this one have to stop before it
    boots: bool = False  # it starts a guest; the number of guests that boot at a time is limited
    goes_on: bool = False  # its guest goes on from its memory, and waits only for guests that boot
    reaches: Stage | None = None  # the stage of the object after it

    def __str__(self) -> str:
        return self.name


CREATE: Verb[Driver[Any]] = Verb("create", "creating", lambda driver: driver.create, reaches=Stage.CREATED)
UPDATE: Verb[Driver[Any]] = Verb("update", "updating", lambda driver: driver.update, reaches=Stage.CREATED)
DELETE: Verb[Driver[Any]] = Verb("delete", "deleting", lambda driver: driver.delete, lets_go=True)
