"""Compare two specs of one kind, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import record
from labctl.core.size import size
from labctl.core.spec import Effect, Item, Spec, is_items, owned_by

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = str | int | float | bool | None


@record
class Change:
    """One field's change. `before` is None where there was nothing, `after` is None where nothing stays."""

    field: str
    before: Value
    after: Value
    effect: Effect
    unit: str = ""
    condition: str = ""

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.field}: {show(self.after, self.unit)}"
        if self.after is None:
            return f"- {self.field}: {show(self.before, self.unit)}"
        return f"~ {self.field}: {show(self.before, self.unit)} → {show(self.after, self.unit)}"


def diff(before: Spec | Item, after: Spec | Item, prefix: str = "") -> tuple[Change, ...]:
    """Give the changes that lead from what is to what is wanted; empty when they agree on all that is owned."""
    return tuple(_changes(before, after, prefix))


def _changes(before: Spec | Item, after: Spec | Item, prefix: str) -> Iterator[Change]:
    own = owned_by(type(after))
    olds, news = own.values(before), own.values(after)
    if olds == news:
        return
    for each, old, new in zip(own.fields, olds, news, strict=True):
        if new is None or old == new:
            continue
        effect: Effect = each.metadata["effect"]
        if isinstance(after, Item):
            effect = after.effect(effect)
        name = prefix + each.name
        if is_items(old) or is_items(new):
            yield from _item_changes(old or (), new or (), effect, name)
        elif each.metadata["secret"]:
            yield Change(name, "(secret)", "(changed)", effect)
        else:
            yield Change(
                name, plain(old), plain(new), effect, each.metadata["unit"], each.metadata["condition"]
            )


def _item_changes(
    old: tuple[Item, ...], new: tuple[Item, ...], effect: Effect, name: str
) -> Iterator[Change]:
    had, wanted = {item.key: item for item in old}, {item.key: item for item in new}
    for key in sorted(had.keys() | wanted.keys()):
        field = f"{name}.{key}"
        if key not in wanted:
            yield Change(field, str(had[key]), None, had[key].effect(effect))
        elif key not in had:
            yield Change(field, None, str(wanted[key]), wanted[key].effect(effect))
        else:
            yield from _changes(had[key], wanted[key], f"{field}.")


def plain(value: Any) -> Value:
    """Make a field's value fit for JSON: tuples become one readable string, nothing becomes the empty string."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple):
        return ", ".join(str(plain(part)) for part in value)
    return str(value)


def show(value: Value | tuple[Any, ...], unit: str = "") -> str:
    """Write a value for people: `512MiB`, `yes`, `(none)`; a digest says nothing to them."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if unit == "bytes" and isinstance(value, int):
        return size(value)
    if unit == "digest" and value:
        return "(changed)"
    return "(none)" if value in ("", None) else str(value)
