"""Reads Labfiles: `load.load` gives a `model.LabModel`, or raises an error with all problems of the file."""
