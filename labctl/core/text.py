"""Text as a terminal shows it."""

from __future__ import annotations

LINES = "\n\t"  # what a text of several lines is made of


def printable(text: str, keep: str = "") -> str:
    """The text with what a terminal would act on, or can't show, as escapes; what is in `keep` stays as it is."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else repr(each)[1:-1] for each in text)
