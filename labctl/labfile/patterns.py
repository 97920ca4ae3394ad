"""Matches the patterns of parameters.

A pattern comes with the Labfile, and Python's `re` may need longer than anybody lives to say no. So a process of its
own does it, with a time and a memory that are enough for any honest pattern: docs/adr/0031.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

from labctl.core.record import record

__all__ = ["Search", "results"]

CPU_S, _WALL_S = 2, 60  # of all patterns of a Labfile; a busy machine may take longer for the same work
_MEMORY_BYTES = 512 << 20
_PROGRAM = f"""
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({CPU_S}, {CPU_S}))
resource.setrlimit(resource.RLIMIT_AS, ({_MEMORY_BYTES}, {_MEMORY_BYTES}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
def result(pattern, text):
    try:
        return bool(re.compile(pattern).search(text or "")) or text is None
    except re.error as error:
        return error.msg
    except (OverflowError, RecursionError):
        return "it is too large"
for each in json.load(sys.stdin):
    print(json.dumps(result(*each)), flush=True)
"""


@record
class Search:
    """A search of a pattern in a text. Without a text, the pattern itself is looked at only."""

    pattern: str
    text: str | None = None


@cache
def results(searches: tuple[Search, ...]) -> list[bool | str]:
    """Whether each pattern was found, or what is wrong with it. The list ends before a search that takes too long."""
    if not searches:
        return []
    asked = json.dumps([(each.pattern, each.text) for each in searches])
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM]
    try:
        done = subprocess.run(
            command, input=asked.encode(), capture_output=True, check=False, timeout=_WALL_S
        )
        told = done.stdout
    except subprocess.TimeoutExpired as error:
        told = error.stdout or b""
    return [json.loads(line) for line in told.splitlines()]
