"""Makes texts of others safe to show: in a terminal, in a line, in JSON."""

from __future__ import annotations

LINES = "\n\t"  # for `keep`, in texts of several lines


def printable(text: str, keep: str = "") -> str:
    """Escape all characters of a text that a terminal can't show or would act on, but for those in `keep`.

    These are controls (also C1), marks that turn the direction of text or have no width, separators of lines, and
    what no standard assigns.
    """
    if text.isprintable():
        return text
    if "\n" in keep and "\n" in text:  # most lines are printable, and looked at as a whole
        return "\n".join(printable(line, keep) for line in text.split("\n"))
    return "".join(each if each.isprintable() or each in keep else repr(each)[1:-1] for each in text)


def clipped(text: str, chars: int) -> str:
    """A text of at most about `chars` characters; one that is longer says how much was left out."""
    more = len(text) - chars
    return text if more <= 0 else f"{text[:chars]}… ({more} more characters)"


def one_line(text: str, chars: int) -> str:
    """A text on one line, clipped."""
    return clipped(" ".join(text.split()), chars)


def json_text(value: object, indent: int | None = None) -> str:
    """JSON that is safe to show: characters that `printable` escapes are escaped as JSON does it."""
    import json  # most commands do without

    lines = json.dumps(value, indent=indent, ensure_ascii=False).split("\n")
    return "\n".join(line if line.isprintable() else "".join(map(_json_escaped, line)) for line in lines)


def _json_escaped(char: str) -> str:
    """A character as JSON escapes it, if it is not printable: in two parts if it is beyond U+FFFF."""
    if char.isprintable():
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
