"""The names of things: `vm/web-1`, `network/front`, `disk/web-1/data`, `seed/web-1`, `image/debian-12`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A kind and a name within the lab; `str()` is the form that people and JSON see."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `vm/web-1` back.

        Raises:
            ValueError: there is no kind, or no name.
        """
        kind, slash, name = text.partition("/")
        if not (kind and slash and name):
            raise ValueError(f"not an address: {text!r}")
        return cls(kind, name)
