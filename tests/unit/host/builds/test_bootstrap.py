"""What mmdebstrap is given to run, and what is told of its output."""

import subprocess

from labctl.host.builds import bootstrap


def run_hook(line: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """What mmdebstrap does with a hook, with a chroot that prints what it is given."""
    hook = bootstrap.run_hook(2, line).removeprefix("--customize-hook=")
    chroot = f"chroot() {{ printf '%s\\n' \"$@\"; return {code}; }}"
    script = f"{chroot}; http_proxy=http://p:1; unset https_proxy; {hook}"
    return subprocess.run(
        ["sh", "-c", script, "exec", "/new/root"], check=False, capture_output=True, text=True
    )


def follow(*lines: str, run: tuple[str, ...] = ("true", "make it so")) -> tuple[list[str], str]:
    """What is told of the output, and what would be said if mmdebstrap failed after it."""
    told: list[str] = []
    follower = bootstrap.OutputFollower(told.append, run)
    for line in lines:
        follower(line)
    return told, str(follower.failure() or "")


def test_a_line_runs_in_the_new_root_with_an_environment_of_its_own() -> None:
    line = """echo 'it'"'"'s' "$HOME" && : '$(exit 7)'"""
    words = run_hook(line).stdout.splitlines()
    assert words[:2] == ["labctl: run 2", "/new/root"]
    assert words[-5:] == ["http_proxy=http://p:1", "/bin/sh", "-ec", line, "labctl: run 0"]
    assert not [word for word in words if word.startswith("https_proxy")]


def test_a_failing_line_fails_the_hook() -> None:
    done = run_hook("false", code=3)
    assert done.returncode == 3
    assert "labctl: run 0" not in done.stdout


def test_stages_and_lines_are_told() -> None:
    told, failure = follow(
        "I: running apt-get update...", "noise", "I: chatter", "labctl: run 1", "out", "labctl: run 0"
    )
    assert told == ["running apt-get update", "running line 1 of 2"]
    assert failure == ""


def test_a_failed_line_is_named_with_its_own_last_words() -> None:
    _, failure = follow(
        "labctl: run 1", "of the first", "labctl: run 0", "labctl: run 2", "alas", "E: command failed: chroot"
    )
    assert failure == "line 2 of `run` failed: make it so\nalas"
