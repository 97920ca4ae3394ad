"""What tests see of whoever runs them. `make odd` runs all of this as somebody strange."""

import os
import subprocess
import sys
import time
from pathlib import Path

from labctl.kinds.image import catalogue
from tests import surroundings


def test_no_variable_of_the_caller_is_seen():
    own = {*surroundings.KEPT, *surroundings.FIXED, surroundings.PREPARED, "HOME", "XDG_RUNTIME_DIR"}
    per_test = {"XDG_CACHE_HOME", "XDG_STATE_HOME"}
    seen = {name for name in os.environ if not name.startswith(surroundings.TOOLS)}
    assert seen - own - per_test == set()


def test_home_is_the_tests_own_and_holds_no_catalogue():
    assert Path.home() != surroundings.prepared().parent
    assert list(Path.home().iterdir()) == [Path.home() / "run"]
    assert catalogue.files() == []


def test_a_process_of_a_test_has_the_time_zone_locale_and_umask_of_the_tests():
    code = "import locale, os, time; print(time.tzname[0], locale.getencoding(), oct(os.umask(0)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "UTC UTF-8 0o22\n"
    assert time.tzname[0] == "UTC"


def test_the_strange_surroundings_touch_all_that_is_kept_from_tests(tmp_path):
    """A run in them would prove nothing if they were not strange."""
    code = "import os; print(os.umask(0), *sorted(os.environ), sep='\\n')"
    command = [sys.executable, "-m", "tests.odd", sys.executable, "-c", code]
    root = Path(__file__).parents[2]
    seen = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout.split()
    assert seen[0] == str(0o077)
    assert {"HOME", "TZ", "LC_ALL", "LABCTL_CONNECT", "LABCTL_CONFIG_DIR", "http_proxy"} <= set(seen)
