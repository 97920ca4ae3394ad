"""This machine itself: routes, packet filter, locks, other programs, and what `labctl doctor` looks at."""
