"""The Labfiles that `labctl init` offers as a start."""

from __future__ import annotations

from labctl import resources

__all__ = ["template_names", "template_summary", "template_text"]

_FOLDER = "templates/labs"
_LABS = {  # simplest first
    "single": "one VM",
    "pair": "two VMs on a private network",
    "cluster": "three nodes with data disks",
}


def template_names() -> tuple[str, ...]:
    """List the templates, simplest first."""
    return tuple(_LABS)


def template_summary() -> str:
    """Describe all templates in one line."""
    return "; ".join(f"{name}: {what}" for name, what in _LABS.items())


def template_text(name: str) -> str:
    """Give the text of a template.

    Raises:
        KeyError: there is no template of this name.
    """
    if name not in _LABS:
        raise KeyError(name)
    return resources.text(f"{_FOLDER}/{name}/Labfile.yaml")
