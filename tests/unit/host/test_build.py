"""Building without a build: the host's apt, the programs that are run, what the cache is believed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host import apt, build, cache, command

TARGETS = """\
Debian|http://m|http://m/debian/|bookworm|main||amd64
Debian|http://m|http://m/debian/|bookworm-updates|main|/k.gpg|amd64
Docker|https://d|https://d/linux/debian/|bookworm|stable|/d.gpg|amd64
Debian|http://m|http://m/debian/|trixie|main||amd64
$(ORIGIN)|http://s|http://s/debian-security/|bookworm-security|main|$(SIGNED_BY)|amd64
"""


def answering(text: str):
    return lambda *argv: text if argv[0] == "apt-get" else ""


def test_only_debians_own_sources_of_the_suite_are_used(monkeypatch) -> None:
    monkeypatch.setattr(apt, "_output", answering(TARGETS))
    assert apt.sources("bookworm") == [
        "deb http://m/debian/ bookworm main",
        "deb [signed-by=/k.gpg] http://m/debian/ bookworm-updates main",
        "deb http://s/debian-security/ bookworm-security main",
    ]


@pytest.mark.parametrize(
    "uri", ["http://localhost:3142/debian/", "https://me:pw@m/debian/", "file:/srv/debian/"]
)
def test_sources_that_a_guest_could_or_should_not_use_are_left_out(monkeypatch, uri: str) -> None:
    monkeypatch.setattr(apt, "_output", answering(f"Debian|x|{uri}|bookworm|main||amd64\n"))
    assert apt.sources("bookworm") == []


def test_the_host_of_another_suite_has_none(monkeypatch) -> None:
    monkeypatch.setattr(apt, "_output", answering(TARGETS))
    assert apt.sources("sid") == []


def test_missing_tools_are_named_with_their_packages(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(command, "path", lambda tool: None if tool in ("mmdebstrap", "qemu-img") else "/x")
    with pytest.raises(LabctlError, match="mmdebstrap, qemu-utils") as raised:
        build.build(build.recipe("debian-12", os.uname().machine), print)
    assert "apt install mmdebstrap qemu-utils" in raised.value.hint


def test_a_cached_build_is_believed_while_its_digests_are_right(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path))
    recipe = build.recipe("debian-12", "x86_64")
    folder = cache.folder("builds") / recipe.key
    folder.mkdir()
    for name in (build.IMAGE, build.KERNEL, build.INITRD):
        (folder / name).write_bytes(b"content")
    digests = {name: build._digest(folder / name) for name in (build.IMAGE, build.KERNEL, build.INITRD)}
    (folder / build.DIGESTS).write_text(json.dumps(digests))
    assert build.build(recipe, print).digests == digests
    (folder / build.KERNEL).write_bytes(b"changed")
    monkeypatch.setattr(command, "path", lambda _tool: None)
    with pytest.raises(LabctlError, match="needs"):
        build.build(recipe, print)


def test_a_failing_program_gives_its_last_words() -> None:
    told: list[str] = []
    with pytest.raises(LabctlError, match=r"sh failed \(3\):\nalas"):
        command.run(["sh", "-c", "echo alas >&2; exit 3"], told.append)
    assert told == ["alas"]


def test_an_interruption_ends_the_children_too(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command.run(["sh", "-c", f"sleep 60 & echo $! >{note}; echo go; wait"], interrupt)
    await_end(int(note.read_text()))


def test_a_killed_labctl_takes_its_program_along(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = "import sys; from labctl.host import command; command.run(['sh', '-c', sys.argv[1]], print)"
    script = f"echo $$ >{note}.new; mv {note}.new {note}; exec sleep 60"
    victim = subprocess.Popen([sys.executable, "-c", code, script], cwd=Path(__file__).parents[3])
    while not note.exists():
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    await_end(int(note.read_text()))


def await_end(pid: int) -> None:
    deadline = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        threading.Event().wait(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
