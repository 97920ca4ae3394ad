"""What stands before a command in a guest for it to be run by a user, at home."""

from __future__ import annotations

# a user whose home can't be entered stays where it is
AT_HOME = 'cd "$HOME" 2>/dev/null; '


def by_sudo(user: str) -> list[str]:
    """What lets another user run a command than the one who logged in."""
    return ["sudo", "-n", "-H", "-u", user, "--"]
