"""A scalar of cloud-config that is neither text nor a number, a truth value or nothing: a date, or a key such as 00."""

from __future__ import annotations


class Unquoted(str):
    """As it was written. Without quotes again it is what it was; as text it would be another value."""

    __slots__ = ()
