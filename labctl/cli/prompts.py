"""Questions to whoever sits at the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from labctl.cli import run_state
from labctl.core.errors import Interrupted
from labctl.report import screen, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labctl.core.host_reach import HostReach


def ask(question: str) -> str:
    """Ask, and give the answer without spaces around it; empty at the end of the input."""
    try:
        screen.write(sys.stderr, f"{wrap.at_spaces(question.rstrip(), wrap.width(sys.stderr))} ")
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        screen.write(sys.stderr, "\n")
        raise Interrupted(run_state.UNTOUCHED) from None
    if not answer.endswith("\n"):
        screen.write(sys.stderr, "\n")  # Ctrl-D leaves the cursor behind the question
    return answer.strip()


def agreed(question: str) -> bool:
    """Ask for a yes, and say that nothing was changed where the answer is another one."""
    if ask(f"{question} [y/N] ").lower() in ("y", "yes"):
        return True
    screen.write(sys.stderr, f"{run_state.UNTOUCHED}\n")
    return False


def trusts(reaches: Sequence[HostReach]) -> bool:
    """Ask whether the lab may reach these things of the host, which its plan has told in full."""
    return _trusts(f"  {each.deed} {each.shown}" for each in reaches)


def trusts_untold(reaches: Sequence[HostReach]) -> bool:
    """Ask the same where no plan has told them."""
    from labctl.report.reachtext import listed

    return _trusts(listed(reaches))


def _trusts(lines: Iterable[str]) -> bool:
    told = "\n".join(["this lab reaches the host beyond its own folder:", *lines])
    return ask(f"{told}\ndo you trust it with that? type yes to go on: ") == "yes"
