"""Masks the values of secret parameters in all that is told: messages, errors, events, plans, JSON."""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from labctl.core.address import Address
from labctl.core.record import fields, is_record, replace
from labctl.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.core.events import Event, Sink

MASK = "***"
SHORTEST = 3  # to mask shorter ones would make texts unreadable and protect nothing
_SHORTEST_LINE = 8  # of a secret of several lines, whose last line may be a single bracket
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


class Redactor:
    """Masks secrets, which are added as a Labfile tells them: what is told before has none."""

    def __init__(self, *secrets: str) -> None:
        self._forms: tuple[str, ...] = ()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Mask these texts from now on, and what quoting makes of them."""
        known = {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
        # the longest first: one secret may contain another
        self._forms = tuple(sorted(known.union(self._forms), key=lambda form: (-len(form), form)))

    def in_text(self, text: str) -> str:
        for form in self._forms:
            text = str.replace(text, form, MASK) if form in text else text
        return text

    def in_value(self, value: T) -> T:
        """The same value, with every secret in its texts masked."""
        return self._masked(value) if self._forms else value

    def in_error(self, error: E) -> E:
        """The same exception, masked as are those that it came from."""
        seen: set[int] = set()
        each: BaseException | None = error
        while self._forms and each is not None and id(each) not in seen:
            seen.add(id(each))
            each.args = self._masked(each.args)
            vars(each).update(self._masked(vars(each)))
            each = each.__cause__ or each.__context__
        return error

    @contextmanager
    def in_errors(self) -> Iterator[None]:
        """Mask the exception that the block raises."""
        try:
            yield
        except Exception as error:
            self.in_error(error)
            raise

    def sink(self, sink: Sink) -> Sink:
        """A sink that passes events on with secrets masked."""

        def masked(event: Event) -> None:
            sink(self.in_value(event))

        return masked

    def is_in(self, value: object) -> bool:
        """Whether a value holds a secret: then no message may show any part of it."""
        text = str(value)
        return any(form in text for form in self._forms)

    def _masked(self, value: Any) -> Any:  # noqa: PLR0911  # one return for each type
        if isinstance(value, Enum | Address):
            return value
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, tuple):
            return tuple(map(self._masked, value))
        if isinstance(value, list):
            return [self._masked(each) for each in value]
        if isinstance(value, dict):
            return {self._masked(key): self._masked(each) for key, each in value.items()}
        if is_record(value) and not isinstance(value, type):
            return replace(
                value, **{each.name: self._masked(getattr(value, each.name)) for each in fields(value)}
            )
        return value


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may stand in a message: as it is, and as Python, JSON, a shell, XML or a URL quotes it."""
    import base64
    import html
    import json
    import shlex
    import urllib.parse

    yield secret
    yield printable(secret)
    yield repr(secret)[1:-1]
    yield from (json.dumps(secret, ensure_ascii=only_ascii)[1:-1] for only_ascii in (True, False))
    yield shlex.quote(secret)
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    yield from (quote(secret, safe="") for quote in (urllib.parse.quote, urllib.parse.quote_plus))
    yield base64.b64encode(secret.encode()).decode()
    yield from (line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE)
