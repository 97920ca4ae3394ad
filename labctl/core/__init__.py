"""The pure heart: addresses, specs, diff, plan, events, errors. Standard library only."""
