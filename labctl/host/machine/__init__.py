"""The machine on which labctl runs: routes, packet filter, locks, programs, and the checks of `labctl doctor`."""
