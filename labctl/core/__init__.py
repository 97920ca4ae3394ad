"""Values and pure functions that all other packages use: addresses, specs, plans, events, errors.

The package imports the standard library only.
"""
