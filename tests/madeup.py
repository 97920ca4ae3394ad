"""A libvirt host that only has what a test gives it."""

from types import SimpleNamespace


class MadeUpHost(SimpleNamespace):
    """Told from other hosts as real ones are: by which it is, not by what it has."""

    uri = "qemu:///system"
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other
