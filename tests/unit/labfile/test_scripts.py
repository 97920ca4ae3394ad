"""Scripts that can't run in a guest, for a reason that stands in the Labfile or beside it, are told before it boots."""

import pytest

from labctl.kinds.provision.work import Shell
from labctl.labfile.scripts import Brought, GuestFiles, restarting
from tests.unit.labfile.labfiles import loaded, problems

LACKS = "is a file of this machine, and the guest, in which this runs, does not have it"


@pytest.fixture
def folder(tmp_path):
    """A Labfile's folder with scripts, of which `run.sh` can be run."""
    (tmp_path / "app").mkdir()
    for name in ("setup.sh", "run.sh", "app/deploy", "app/notes.txt"):
        (tmp_path / name).write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    return tmp_path


def told(folder, text, **guest):
    found = GuestFiles(**guest).problem(text, folder, "/root")
    return found.summary if found else ""


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("./setup.sh", "./setup.sh"),
        ("setup.sh", "setup.sh"),
        ("app/deploy now", "app/deploy"),
        ("sh setup.sh", "setup.sh"),
        ("bash ./setup.sh --all", "./setup.sh"),
        (". ./setup.sh", "./setup.sh"),
        ("set -e\napt-get update && sudo ./setup.sh", "./setup.sh"),
        ("#!/bin/bash\nif true; then MODE=1 './setup.sh'; fi", "./setup.sh"),
    ],
)
def test_a_file_of_this_machine_is_no_command_of_a_guest(folder, text, word):
    assert told(folder, text) == f"{word} {LACKS}"


def test_an_absolute_path_counts_within_the_labfiles_folder(folder):
    assert told(folder, f"{folder}/setup.sh").endswith(LACKS)
    assert told(folder, "/bin/sh -c true; . /etc/os-release; /usr/bin/env") == ""


@pytest.mark.parametrize(
    "text",
    [
        "echo ./setup.sh",
        "app",  # a program of the guest may be called as a folder here
        "cd /srv && ./setup.sh",
        "curl -O https://example.org/setup.sh\nsh setup.sh",
        "git clone https://example.org/app\napp/deploy",
        "cat >go <<END\n./setup.sh\nEND",
        "#!/usr/bin/python3\n./setup.sh",
        "~/setup.sh",
        "# ./setup.sh",
        "./nowhere.sh",
        "sh -c ./setup.sh",
        "'",
        "/",
    ],
)
def test_what_may_be_there_is_not_told(folder, text):
    assert told(folder, text) == ""


def test_what_ran_before_may_have_made_it(folder):
    assert told(folder, "./setup.sh", texts=("wget example.org/setup.sh",)) == ""
    assert told(folder, "./setup.sh", known=False) == ""
    ran = GuestFiles().then(Shell("wget example.org/setup.sh")).then(Shell("true"))
    assert ran.problem("./setup.sh", folder, "/root") is None


def test_after_more_scripts_than_are_looked_through_nothing_is_told(folder):
    """Else each command of a long list would be looked for in all that stand before it."""
    guest = GuestFiles()
    for _ in range(7):
        guest = guest.then(Shell("true\n" * 4000))
    assert guest.problem("./setup.sh", folder, "/root")
    assert guest.then(Shell("true\n" * 4000)).problem("./setup.sh", folder, "/root") is None


@pytest.mark.parametrize(
    ("target", "text"),
    [("/root/setup.sh", "./setup.sh"), ("/usr/local/bin", "/usr/local/bin/setup.sh"), ("/x", "/x")],
)
def test_what_was_copied_is_there_and_has_to_be_executable(folder, target, text):
    thing = Brought(target, folder / "setup.sh")
    path = "/root/setup.sh" if text.startswith(".") else text
    assert told(folder, text, brought=(thing,)) == f"{path} is not executable there: it comes from setup.sh"
    assert told(folder, text, brought=(Brought(target, folder / "setup.sh", 0o755),)) == ""
    assert told(folder, text, brought=(Brought(target, folder / "run.sh", 0o644),)).startswith(path) is (
        "bin" not in target
    )
    assert told(folder, f"sh {text}", brought=(thing,)) == ""
    assert told(folder, f"chmod +x {text}; {text}", brought=(thing,)) == ""


def test_a_folder_brings_its_files_as_they_are(folder):
    thing = Brought("/srv/app", folder / "app")
    found = GuestFiles((thing,)).problem("/srv/app/deploy", folder, "/root")
    assert found.summary == "/srv/app/deploy is not executable there: it comes from app/deploy"
    assert found.hint == "`chmod +x app/deploy` on this machine"
    assert told(folder, "/srv/app/built", brought=(thing,)) == ""
    (folder / "app/deploy").chmod(0o755)
    assert told(folder, "/srv/app/deploy", brought=(thing,)) == ""


def test_each_place_for_scripts_tells_it(folder):
    text = """
vms:
  web:
    image: debian-12
    folders: [{source: app, target: /srv/app}]
    ready: [{exec: /srv/app/deploy}]
    provision:
      - {copy: {source: setup.sh, target: /opt/}}
      - {shell: /opt/setup.sh}
  db:
    image: {build: {suite: bookworm, files: [{target: /x, source: run.sh}], run: [/x, ./setup.sh]}}
    provision: [{shell: ./run.sh, user: web}]
  old:
    image: debian-12
    cloud_init: {runcmd: [./setup.sh, [sh, setup.sh], [sh, /nowhere, 1]]}
provision:
  - {shell: ./run.sh, on: [web]}
"""
    found = [each.partition(": ")[2].split(" (")[0] for each in problems(folder, text)]
    assert found == [
        "vms.web.ready[0].exec: /srv/app/deploy is not executable there: it comes from app/deploy",
        "vms.web.provision[1].shell: /opt/setup.sh is not executable there: it comes from setup.sh",
        "vms.db.image.build.run[0]: /x is not executable there: it comes from run.sh",
        f"vms.db.image.build.run[1]: ./setup.sh {LACKS}",
        f"vms.db.provision[0].shell: ./run.sh {LACKS}",
        f"vms.old.cloud_init.runcmd[0]: ./setup.sh {LACKS}",
        f"provision[0].shell: ./run.sh {LACKS}",
    ]


def test_the_hint_is_a_step_that_works(folder):
    (before,) = problems(folder, "vms: {web: {image: debian-12, provision: [{shell: ./setup.sh}]}}\n")
    copy = 'copy: {source: ./setup.sh, target: /usr/local/bin/setup.sh, mode: "0755"}'
    assert f"a step before it with `{copy}`, and /usr/local/bin/setup.sh here" in before
    steps = f"[{{{copy}}}, {{shell: /usr/local/bin/setup.sh}}]"
    assert problems(folder, f"vms: {{web: {{image: debian-12, provision: {steps}}}}}\n") == []


def test_each_step_that_can_t_run_is_told(folder):
    steps = "[{shell: ./setup.sh}, {copy: {source: setup.sh, target: /srv/setup.sh}}, {shell: /srv/setup.sh}]"
    first, second = problems(folder, f"vms: {{web: {{image: debian-12, provision: {steps}}}}}\n")
    assert "provision[0].shell: ./setup.sh is a file of this machine" in first
    assert "provision[2].shell: /srv/setup.sh is not executable there" in second


def test_a_copy_in_time_is_needed(folder):
    steps = "[{shell: /root/run.sh}, {copy: {source: run.sh, target: /root/run.sh}}, {shell: ./run.sh}]"
    assert problems(folder, f"vms: {{web: {{image: debian-12, provision: {steps}}}}}\n") == []
    late = "[{shell: ./run.sh}, {copy: {source: run.sh, target: /root/run.sh}}]"
    assert len(problems(folder, f"vms: {{web: {{image: debian-12, provision: {late}}}}}\n")) == 1


@pytest.mark.parametrize(
    "text",
    ["reboot", "apt-get -y upgrade\nsudo reboot", "true && shutdown -r now", "exec /sbin/reboot -f", "init 6",
     "systemctl reboot --no-block"],
)  # fmt: skip
def test_a_script_that_restarts_its_guest_is_seen(text):
    assert restarting(text)


@pytest.mark.parametrize(
    "text",
    ["echo reboot", "shutdown -h now", "systemctl restart nginx", "cat >x <<END\nreboot\nEND", "# reboot",
     "#!/usr/bin/python3\nreboot"],
)  # fmt: skip
def test_others_are_not(text):
    assert not restarting(text)


def test_it_gets_a_warning_that_says_how_to_write_it(tmp_path):
    text = """
vms: {web: {image: debian-12, provision: [{shell: "true && reboot"}, {shell: "true", reboot: true}]}}
provision: [{shell: reboot, on: [web]}]
"""
    lab = loaded(tmp_path, text)
    hint = (
        "leave it out, and write `reboot: true` beside `shell`: labctl restarts the guest after it, and waits"
    )
    summary = "reboot in a script restarts the guest under this step or the next one, which then fails"
    assert [(each.severity, each.path, each.summary, each.hint) for each in lab.warnings] == [
        ("warning", path, summary, hint) for path in ("vms.web.provision[0].shell", "provision[0].shell")
    ]
    assert [step.reboot for step in lab.lab.vms[0].provision] == [False, True]


def test_a_script_of_many_commands_takes_no_time(folder):
    assert told(folder, "true;" * 200_000 + "./setup.sh") == ""
    assert told(folder, "true\n" * 90 + "./setup.sh").endswith(LACKS)
