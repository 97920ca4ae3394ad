"""The entries of the Labfile's `xml:`, as specs hold them."""

from __future__ import annotations

import json

from labctl.core.xmlforms import Form

Edit = tuple[str, str, str]  # `at`; `set`, `add` or `remove`; the value
# The form in which labctl's metadata keeps the edits that were applied.
EDITS = Form(
    lambda edits: json.dumps(edits) if edits else None,
    lambda text: tuple(tuple(each) for each in json.loads(text)),
    (),
)


def describe_edit(edit: Edit) -> str:
    """Describe an edit for a plan: `add at ./devices <watchdog model='i6300esb'/>`."""
    at, action, value = edit
    return f"{action} at {at} {' '.join(value.split())}".strip()
