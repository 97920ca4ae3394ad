"""A scalar of cloud-config for which JSON has no type, such as a date, or the key 00."""

from __future__ import annotations


class Unquoted(str):
    """The text as the user wrote it. It is written without quotes again; with quotes it would be another value."""

    __slots__ = ()
