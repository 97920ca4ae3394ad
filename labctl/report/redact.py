"""Masks the values of secret parameters in events, plans and messages."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from labctl.core.address import Address
from labctl.core.record import fields, is_record, replace

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.core.events import Event, Sink

MASK = "***"
SHORTEST = 3  # to mask shorter ones would make texts unreadable and protect nothing
T = TypeVar("T")


def hidden(value: T, secrets: Collection[str]) -> T:
    """The same value, with every secret in its strings masked."""
    maskable = [each for each in secrets if len(each) >= SHORTEST]
    maskable.sort(key=len, reverse=True)  # one secret may contain another
    return _hidden(value, maskable) if maskable else value


def _hidden(value: Any, secrets: Collection[str]) -> Any:  # noqa: PLR0911  # one return for each type
    if isinstance(value, Enum | Address):
        return value
    if isinstance(value, str):
        for secret in secrets:
            value = str.replace(value, secret, MASK) if secret in value else value
        return value
    if isinstance(value, tuple):
        return tuple(_hidden(each, secrets) for each in value)
    if isinstance(value, list):
        return [_hidden(each, secrets) for each in value]
    if isinstance(value, dict):
        return {key: _hidden(each, secrets) for key, each in value.items()}
    if is_record(value) and not isinstance(value, type):
        return replace(
            value, **{each.name: _hidden(getattr(value, each.name), secrets) for each in fields(value)}
        )
    return value


def redacting(sink: Sink, secrets: Collection[str]) -> Sink:
    """A sink that masks secrets in events and passes them on to `sink`."""
    if not secrets:
        return sink

    def masked(event: Event) -> None:
        sink(hidden(event, secrets))

    return masked
