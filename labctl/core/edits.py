"""The escape hatch `xml:`, as specs hold its entries."""

from __future__ import annotations

import json

from labctl.core.xmlforms import Form

Edit = tuple[str, str, str]  # at, set or add or remove, the value
# As labctl's metadata keeps them
EDITS = Form(
    lambda edits: json.dumps(edits) if edits else None,
    lambda text: tuple(tuple(each) for each in json.loads(text)),
    (),
)


def edited(edit: Edit) -> str:
    """Write an entry for people, in the Labfile's words: `add at ./devices <watchdog model='i6300esb'/>`."""
    at, action, value = edit
    return f"{action} at {at} {' '.join(value.split())}".strip()
