"""The moments at which tests kill labctl: some of many, drawn by lot."""

import os
import random

SEED = os.environ.get("LABCTL_SEED", "1")


def moments(every: range, number: int) -> list[int]:
    """So many of them, drawn by LABCTL_SEED; all where it says `all`."""
    return list(every) if SEED == "all" else sorted(random.Random(SEED).sample(every, number))  # noqa: S311  # the same for a seed
