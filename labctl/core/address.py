"""The names of things: `vm/web-1`, `network/front`, `disk/web-1/data`, `seed/web-1`, `image/debian-12`."""

from __future__ import annotations

from labctl.core.record import record


@record(order=True)
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


def natural(name: str) -> list[str | int]:
    """A sort key that puts `web-2` before `web-10`; parts alternate so that they always compare."""
    parts: list[str | int] = [""]
    for char in name:
        if char.isdecimal() != isinstance(parts[-1], int):
            parts.append(0 if char.isdecimal() else "")
        last = parts[-1]
        parts[-1] = last * 10 + int(char) if isinstance(last, int) else last + char
    return parts
