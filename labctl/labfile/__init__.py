"""Labfiles: `load.load` one, get a `model.Lab`, or every problem at once."""
