"""Labfiles: `load.load` one, get a `model.LabModel`, or every problem at once."""
