"""A plain scalar of cloud-config whose YAML type JSON does not have, such as a date or the key 00."""

from __future__ import annotations


class Unquoted(str):
    """The text as the user wrote it. The seed has it without quotes again, since quotes would change its type."""

    __slots__ = ()
