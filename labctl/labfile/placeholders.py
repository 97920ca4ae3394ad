"""How a string carries what is not filled in yet.

`${vms.db.back.ip}` is known once addresses are given out, `${index}` once an instance is made. Until then they stand
between two control characters, which no Labfile can contain; so a literal `${`, written as `$${`, is safe from the
first pass on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDER = "\x01"
_END = "\x02"
PATTERN = re.compile(f"{PLACEHOLDER}([^{_END}]*){_END}")
UNKNOWN = f"{PLACEHOLDER}?{_END}"  # stands for a value that is missing or wrong, which has been reported


def placeholder(name: str) -> str:
    """Wrap a name, as in `vms.db.back.ip` or `index:02`."""
    return f"{PLACEHOLDER}{name}{_END}"


def is_reference(name: str) -> bool:
    """Whether a name is one of a VM's or network's values, known after allocation."""
    return name.startswith(("vms.", "networks."))


# A value of each kind of reference; an address or subnet may turn out to be of either version.
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
    """Whether some mark may turn out as anything, so that the string can't be judged yet."""
    return any(not is_reference(name) for name in PATTERN.findall(text))


def as_written(text: str) -> str:
    """Give the string as the user wrote it, for messages."""
    return PATTERN.sub(r"${\1}", text)
