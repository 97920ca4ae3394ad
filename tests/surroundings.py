"""What tests see of whoever runs them: the programs on PATH and the options of the tests, nothing else.

Home, XDG folders, locale, time zone, umask and all other variables are the tests' own, also for what they start.
`tests.odd` runs them where all of that is strange.
"""

import os
import time
from pathlib import Path

OPTIONS = (
    "LABCTL_REGENERATE",
    "LABCTL_EXAMPLES",
    "LABCTL_FUZZ_S",
    "LABCTL_FUZZ_SEED",
    "LABCTL_SEED",
    "LABCTL_WARM_UPS",
)
HARNESS = ("LABCTL_E2E_DIR", "LABCTL_E2E_PRIVATE")
KEPT = ("PATH", "TMPDIR", *OPTIONS, *HARNESS)
TOOLS = ("PYTEST_", "COV_", "COVERAGE_")
PREPARED = "LABCTL_TESTS_CACHE"
FIXED = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm"}


def prepared() -> Path:
    """The cache that `make prepare` fills: the one thing of the user's home that tests use."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  # as labctl finds it
    return Path(os.environ.setdefault(PREPARED, caches))


def isolate(home: Path) -> None:
    """Make this process's surroundings the tests' own, with an empty home in that folder."""
    cache = prepared()
    kept = {name: text for name, text in os.environ.items() if name in KEPT or name.startswith(TOOLS)}
    runtime = home / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    own = {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), PREPARED: str(cache)}
    os.environ.clear()
    os.environ.update(kept | FIXED | own)
    time.tzset()
    os.umask(0o022)
