"""The base of all specs, and the declaration of their fields.

A spec is a record that describes one object. `owned(effect)` declares a field that labctl compares, with the cost of a
change; other fields are never compared. A wanted value of None leaves a field to libvirt: then any existing value is
right.
"""

from __future__ import annotations

import hashlib
import re
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from labctl.core.lifecycle import Stage
from labctl.core.questions import Questions
from labctl.core.record import field, fields, getter, record
from labctl.core.verbs import CREATE, DELETE, UPDATE, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from labctl.core.address import Address
    from labctl.core.diff import Change
    from labctl.core.errors import Problem


class Effect(IntEnum):
    """What a change does to a running object, in order of cost."""

    LIVE = 1
    RESTART = 2
    REPLACE = 3

    @property
    def label(self) -> str:
        return self.name.lower()


def owned(  # noqa: PLR0913  # one by position, the rest by keyword
    effect: Effect = Effect.LIVE,
    *,
    unit: str = "",
    condition: str = "",
    unset: str = "",
    gain: Effect | None = None,
    each: Callable[[Any], str] = str,
    drift: str = "",
    **options: Any,
) -> Any:
    """Declare a field of a spec that is compared.

    Args:
        effect: the effect of a change; for a tuple of items, that of adding or removing an item.
        unit: how a plan shows values: "bytes" as `512MiB`, "KiB/s" as `1MiB/s`, "digest" as `changed`. A "secret" is
            never shown.
        unset: what a plan shows where nothing is set, as "libvirt's own" or "no limit"; by default it is "none". None,
            the empty string and the empty tuple are unset; with this argument, 0 is unset, too.
        gain: the effect of setting the field where it was None, if that is not `effect`.
        each: formats one value of a tuple.
        condition: for a field that is a condition (is it running?) and not a setting: the cause that a plan gives where
            only such fields differ. The fingerprint leaves these fields out.
        drift: the cause that a plan gives where this field drifted, if that is not "changed outside labctl".
        options: further arguments of `core.record.field`, as `default`.
    """
    display = {
        "unit": unit,
        "condition": condition,
        "unset": unset,
        "gain": gain,
        "each": each,
        "drift": drift,
    }
    return field(metadata={"effect": effect, **display}, **options)


class Owned:
    """The owned fields of a class of specs or items. `values` gets the values of all of them from an instance.

    `settings` are the fields that are not conditions.
    """

    def __init__(self, kind: type) -> None:
        self.fields = tuple(each for each in fields(kind) if "effect" in each.metadata)
        self.settings = tuple(each for each in self.fields if not each.metadata["condition"])
        self.values = getter([each.name for each in self.fields])


_ADDRESS = re.compile(r"IPv[46]Address\(('[^']*')\)")
YES = "yes"  # the value of fields such as `unmarked`, which are empty in the normal case
_OWNED: dict[type, Owned] = {}


def owned_by(kind: type) -> Owned:
    """The owned fields of a class; they are collected once."""
    if kind not in _OWNED:
        _OWNED[kind] = Owned(kind)
    return _OWNED[kind]


@record
class Need:
    """An object needs another one: it reaches the stage `holds` only after `address` has reached the stage `until`.

    `on_replace` is the effect on the object where the other one is replaced; `on_loss` is the effect where the other
    one was removed outside labctl and is created again. None means no effect.
    """

    address: Address
    holds: Stage = Stage.CREATED
    until: Stage = Stage.CREATED
    on_replace: Effect | None = None
    on_loss: Effect | None = None


@record
class BriefPart:
    """A part of a plan's description of a new object.

    Objects whose parts have the same `what` are described together. `own` is what differs between them: the addresses
    of a NIC, separated by spaces, or its MAC.
    """

    what: str
    own: str = ""
    between: str = (
        ""  # what joins the words of `own`, if they are one thing: each object's are then shown together
    )


class Item:
    """A member of a tuple field that is compared by its `key`, not by its index, as a NIC or a DHCP host."""

    @property
    def key(self) -> str:
        raise NotImplementedError

    @property
    def as_applied(self) -> Item:
        """The item as labctl applied it: for the fingerprint, without what a snapshot added since."""
        return self

    def effect(self, declared: Effect) -> Effect:
        """The effect of adding, removing or changing this item; `declared` is that of the field."""
        return declared


class Spec(Questions):
    """The base of every kind's spec."""

    kind: ClassVar[str]
    word: ClassVar[str] = ""  # the word for one object in messages, if that is not `kind`
    rank: ClassVar[int]  # kinds with a lower rank are created, and shown, before the kinds that need them
    # New objects can collide with old ones (same subnet, same bridge), so they are created after the old ones are gone.
    exclusive: ClassVar[bool] = False
    holds_data: ClassVar[bool] = False  # its deletion loses data of the user
    holds_others: ClassVar[bool] = False  # it contains other objects, which are lost with it
    has_amounts: ClassVar[bool] = True  # a plan describes it by what it has: of several alike, each has that
    has_disks: ClassVar[bool] = False  # it writes to disks; `chains` gives their files
    shared: ClassVar[bool] = False  # all labs use it, so it stays when a lab is destroyed
    unstated: ClassVar[bool] = (
        False  # no Labfile names it: it stays until its own verb, or `destroy`, removes it
    )
    libvirt_object: ClassVar[str] = ""  # libvirt's word for it, for kinds with labctl's mark

    @property
    def address(self) -> Address:
        raise NotImplementedError

    def needs(self) -> tuple[Need, ...]:
        """The objects that this one needs."""
        return ()

    def verbs(self, effect: Effect | None, before: Spec | None) -> tuple[Verb[Any], ...]:
        """The verbs that the driver runs, in order, for a change with this effect; `effect` is None for a creation.

        `before` is the existing spec. A deletion does not call this: its verb is always `DELETE`.
        """
        del before
        if effect is None:
            return (CREATE,)
        return (DELETE, CREATE) if effect is Effect.REPLACE else (UPDATE,)

    @property
    def boots(self) -> bool:
        """Whether its creation boots a guest."""
        return any(verb.boots for verb in self.verbs(None, None))

    def refusal(self, before: Spec) -> Problem | None:
        """Why `before` can't be changed to this spec at all, and what to do; None if it can."""
        del before
        return None

    def assessed(self, before: Spec, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """The changes from `before` to this spec, with their effects and notes for the state that the object is in."""
        del before
        return changes

    def loss(self, before: Spec, effect: Effect) -> str:
        """The user's data that the change from `before` loses although nothing is deleted; empty for none."""
        del before, effect
        return ""

    def lets_go(self, after: Spec | None) -> Collection[Address]:
        """The objects that this one uses and `after` no longer does: they can change only after this one has changed.

        `after` is None where this object is deleted.
        """
        del after
        return ()

    def anew(self, made: Collection[Address]) -> Spec:
        """The spec where the needed objects `made` are new: without the choices that it keeps from the old ones."""
        del made
        return self

    def brief(self) -> tuple[BriefPart, ...]:
        """The parts of a plan's description of the new object, the most important first; one or two lines in all."""
        return ()

    @property
    def owner(self) -> Address | None:
        """The object whose `brief` includes this one, where both are new."""
        return None

    @property
    def inside(self) -> Address | None:
        """The object that it is a part of, as a folder of its VM: with that it goes, and is made anew."""
        return None

    @property
    def holder(self) -> Address | None:
        """The object that it comes and goes with though it is no part of it, as a forward with its VM."""
        return None

    def fingerprint(self) -> str:
        """A digest of the owned settings. It is stored with the applied object, and tells an edit from drift.

        IP addresses count as their texts, as in fingerprints of earlier versions.
        """
        own = [(each.name, _as_applied(getattr(self, each.name))) for each in owned_by(type(self)).settings]
        return hashlib.sha256(_ADDRESS.sub(r"\1", repr(own)).encode()).hexdigest()[:16]


S = TypeVar("S", bound=Spec)


def of_kind(specs: Iterable[Spec | None], kind: type[S]) -> Iterator[S]:
    """The specs of one kind."""
    return (spec for spec in specs if isinstance(spec, kind))


def find(specs: Mapping[Address, Spec], address: Address, kind: type[S]) -> S | None:
    """The spec at an address, as one of this kind; None where there is none."""
    return next(of_kind((specs.get(address),), kind), None)


def _as_applied(value: Any) -> Any:
    return tuple(item.as_applied for item in value) if is_items(value) else value


def is_items(value: object) -> bool:
    """Whether a field's value is a tuple of items."""
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Item)
