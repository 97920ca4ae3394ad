"""`labctl trust`, `--trust` and the question, as a user meets them."""

import io
import json
import zlib
from pathlib import Path

import pytest

from labctl import cli
from labctl.cli import boundary
from labctl.host.files import yeses
from tests import disks, schemas

NODE = "test://" + str(Path(__file__).parents[2] / "libvirt/node.xml")
LABFILE = """\
labfile: 1
name: NAME
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}
vms: {web: {xml: [{at: ./devices, add: "<sound model='ich6'/>"}]}}
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def labctl(tmp_path, monkeypatch, capsys):
    """Run labctl on a stranger's Labfile; `answers` are typed at a terminal. Gives the exit code and what was told."""
    monkeypatch.chdir(tmp_path)
    name = f"trust-{zlib.crc32(str(tmp_path).encode()):x}"  # no other test's, since locks are the whole machine's
    (tmp_path / "Labfile.yaml").write_text(LABFILE.replace("NAME", name))

    def run(*words: str, answers: str | None = None):
        monkeypatch.setattr("sys.stdin", io.StringIO() if answers is None else Terminal(answers))
        monkeypatch.setattr("labctl.cli.context.interactive", lambda: answers is not None)
        code = boundary.guarded(["-c", NODE, *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_without_a_terminal_only_trust_says_yes(labctl):
    for words in (["up"], ["up", "--yes"], ["reload", "--yes"]):
        code, _, told = labctl(*words)
        assert code == 2
        assert "edits add at ./devices <sound model='ich6'/>  (Labfile.yaml:4:19: vms.web.xml[0]:" in told
        assert "nothing was changed" in told
        assert "--trust" in told
    assert labctl("up", "--yes", "--trust")[0] == 0


@pytest.mark.parametrize(
    ("answers", "code"), [("yes\nyes\n", 0), ("no\n", 1), ("y\n", 1), ("", 1), ("yes\nno\n", 1)]
)
def test_at_a_terminal_the_host_is_a_question_of_its_own(labctl, answers, code):
    done, _, told = labctl("up", answers=answers)
    assert done == code
    assert (
        "folder:\n  edits add at ./devices <sound model='ich6'/>\ndo you trust it with that? type yes to go on: "
        in told
    )
    assert ("apply? [y/N]" in told) == answers.startswith("yes")


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_where_no_plan_is_shown_the_question_says_all(labctl, option):
    assert "Labfile.yaml:4:19: vms.web.xml[0]:" in labctl("up", option, answers="no\n")[2]


def test_yes_does_not_answer_it(labctl):
    assert labctl("up", "--yes", answers="no\n")[0] == 1
    assert labctl("up", "--yes", answers="yes\n")[0] == 0


def test_plan_asks_nothing_and_names_each_thing(labctl):
    code, out, _ = labctl("plan")
    assert code == 0
    assert "reaches the host:\n  ! edits  add at ./devices <sound model='ich6'/>\n" in out
    plan = json.loads(labctl("plan", "--json")[1])
    schemas.fits(plan, "plan")
    (found,) = plan["reaches"]
    assert (found["deed"], found["where"], found["trusted"]) == ("edits", "Labfile.yaml:4:19", False)


def test_what_is_trusted_is_shown_and_taken_back(labctl, tmp_path):
    assert "nothing is trusted" in labctl("trust")[2]
    labctl("up", "--trust")
    code, out, told = labctl("trust")
    assert (code, f"{tmp_path}/Labfile.yaml" in told) == (0, True)
    name = out.split()[0]
    assert out.startswith(f"{name}  edits add at ./devices")
    told = json.loads(labctl("trust", "--all", "--json")[1])
    schemas.fits(told, "trust")
    (each,) = told["labfiles"]
    assert each["reaches"][0]["id"].startswith(name)
    assert labctl("trust", "--revoke", "abcd0123")[0] == 2
    assert "this needs a new yes" in labctl("trust", "--revoke", name)[2]
    assert labctl("reload", "--yes")[0] == 2
    assert yeses.everything() == {}


def test_all_of_it_is_taken_back_also_of_a_labfile_that_is_gone(labctl, tmp_path):
    labctl("up", "--trust")
    (tmp_path / "Labfile.yaml").unlink()
    assert labctl("trust")[0] == 2
    assert "sound" in labctl("trust", "-f", "Labfile.yaml")[1]
    assert labctl("trust", "--all", "--revoke-all")[0] == 0
    assert yeses.everything() == {}


@pytest.mark.parametrize("words", [["pull"], ["build"]])
def test_what_shows_no_plan_tells_all_of_it_before_it_asks(labctl, tmp_path, words):
    text = (tmp_path / "Labfile.yaml").read_text().replace("image: none", "image: ../disk.raw")
    (tmp_path / "Labfile.yaml").write_text(text)
    disks.raw(tmp_path.parent / "disk.raw")
    code, _, told = labctl("image", *words, answers="no\n")
    assert code == 1
    assert f"  ! gives  {tmp_path.parent}/disk.raw\n" in told
    assert "a file from outside the Labfile's folder (new)" in told
    assert "do you trust it with that?" in told


@pytest.mark.parametrize(
    "words", [["pull", "debian-12"], ["build", "debian-12"], ["build", "--from", "web", "own"]]
)
def test_a_yes_for_the_labfile_stands_beside_no_name(labctl, words):
    code, _, told = labctl("image", *words, "--trust")
    assert code == 2
    assert "--trust goes with the Labfile's images, not with names" in told


def test_the_verb_has_its_name():
    assert cli.parse(["trust", "--revoke", "abcd", "--revoke", "ef01"]).keywords["revoke"] == ["abcd", "ef01"]
