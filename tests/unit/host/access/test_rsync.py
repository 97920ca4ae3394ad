"""What rsync is told, and what it then does; here it copies from folder to folder."""

import subprocess
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access import rsync
from labctl.host.machine import command

CONFIG = Path("/run/labctl/rsync-x/ssh_config")


def told(job, target=None):
    argv = rsync.arguments(job, CONFIG, "web")
    if target is None:
        return argv
    local = [each for each in argv[:-1] if not each.startswith(("--rsh", "--rsync-path", "--chown"))]
    return [*local, f"{target}/"]


def copied(tmp_path, *exclude):
    source, target = tmp_path / "source", tmp_path / "target"
    target.mkdir()
    job = rsync.Job(str(source), "/srv/app", "lab:1000", exclude)
    subprocess.run(["rsync", *told(job, target)], check=True)
    return sorted(str(each.relative_to(target)) for each in target.rglob("*"))


@pytest.fixture
def source(tmp_path):
    if command.path("rsync") is None:
        pytest.skip("no rsync here")
    made = tmp_path / "source"
    (made / "sub/.labctl/shop").mkdir(parents=True)
    (made / ".labctl").mkdir()
    (made / ".labctl/key").write_text("secret")
    (made / "file").write_text("one")
    (made / "left.o").write_text("out")
    (made / "out").symlink_to("/etc/passwd")
    (made / "in").symlink_to("file")
    return made


def test_keys_and_what_lies_outside_are_never_copied(source, tmp_path):
    assert copied(tmp_path) == ["file", "in", "left.o", "sub"]


def test_no_pattern_takes_that_back(source, tmp_path):
    assert copied(tmp_path, "!", "+ .labctl", "*.o") == ["file", "in", "sub"]


def test_what_the_target_has_besides_goes(source, tmp_path):
    job = rsync.Job(str(source), "/srv/app", "lab:1000")
    target = tmp_path / "target"
    target.mkdir()
    (target / "strange").touch()
    subprocess.run(["rsync", *told(job, target)], check=True)
    assert not (target / "strange").exists()


def test_names_are_no_options_and_no_words():
    argv = told(rsync.Job("/home/me/-x y", "/srv/-a b", "lab:1000", ("-rf",)))
    assert argv[-3:] == ["--", "/home/me/-x y/", "web:/srv/-a b/"]
    assert "--filter=- -rf" in argv
    assert "--protect-args" in argv


def test_a_configuration_whose_path_no_quotes_express_is_refused():
    with pytest.raises(LabctlError):
        rsync.arguments(rsync.Job("/a", "/b", "lab:1"), Path("/run/a'b\"c"), "web")
