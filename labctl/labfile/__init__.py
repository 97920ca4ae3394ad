"""Labfiles: `load` one, get a `Lab`, or every problem at once."""

from labctl.labfile.load import Loaded, load

__all__ = ["Loaded", "load"]
