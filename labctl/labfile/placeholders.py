"""Placeholders for `${…}` that can't be filled in yet.

The value of `${vms.db.back.ip}` is known after allocation, that of `${index}` when an instance is made. Until then the
string holds the name between two control characters. No Labfile can contain these, so a literal `${`, which is written
as `$${`, can't be mistaken for a placeholder.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDER = "\x01"  # how each placeholder starts
_END = "\x02"
PATTERN = re.compile(f"{PLACEHOLDER}([^{_END}]*){_END}")
UNKNOWN = f"{PLACEHOLDER}?{_END}"  # for a value that is missing or wrong, and reported


def placeholder(name: str) -> str:
    """Give the placeholder for a name, such as `vms.db.back.ip` or `index:02`."""
    return f"{PLACEHOLDER}{name}{_END}"


def is_reference(name: str) -> bool:
    """Whether a name refers to a value of a VM or network, which is known after allocation."""
    return name.startswith(("vms.", "networks."))


# A sample value for each kind of reference. There are two sets, since an address may be of either IP version.
_SAMPLES = (
    {"subnet": "10.0.0.0/24", "mac": "52:54:00:00:00:01", "ip6": "fd00::1"},
    {
        "subnet": "fd00::/64",
        "mac": "52:54:00:00:00:01",
        "ip6": "fd00::1",
        "host": "fd00::1",
        "gateway": "fd00::1",
    },
)


def with_sample_values(text: str) -> list[str]:
    """Replace the references in a text by sample values, one text for each set of samples."""
    return [_sampled(text, values) for values in _SAMPLES]


def _sampled(text: str, values: Mapping[str, str]) -> str:
    return PATTERN.sub(lambda found: values.get(found[1].rpartition(".")[2], "10.0.0.1"), text)


def has_instance_placeholder(text: str) -> bool:
    """Whether a text has a placeholder for an instance's name or index. Such a text can't be checked yet."""
    return any(not is_reference(name) for name in PATTERN.findall(text))


def as_written(text: str) -> str:
    """Give a text as the user wrote it, with `${…}`, for messages."""
    return PATTERN.sub(r"${\1}", text)
