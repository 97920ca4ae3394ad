"""The checks of `labctl doctor`, which start and change nothing."""
