"""Makes texts safe to show in a terminal."""

from __future__ import annotations

LINES = "\n\t"  # for `keep`, in texts of several lines


def printable(text: str, keep: str = "") -> str:
    """Escape all characters of a text that a terminal can't show or would act on, but for those in `keep`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else repr(each)[1:-1] for each in text)
