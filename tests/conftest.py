"""Settings that all tests share."""

import os

from hypothesis import HealthCheck, settings

from tests.https import authority, server  # noqa: F401  # fixtures

# Machines are shared and noisy: no deadline, and slow generation is no failure. More examples on demand.
settings.register_profile(
    "labctl",
    deadline=None,
    max_examples=int(os.environ.get("LABCTL_EXAMPLES", "40")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("labctl")
