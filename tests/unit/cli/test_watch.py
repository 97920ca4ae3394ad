"""What `watch` does by itself, and what it asks for."""

import pytest

import labctl.cli
from labctl.app import watch as app_watch
from labctl.cli import context, prompts, watch
from labctl.core.errors import UsageError
from labctl.core.plan import Plan

PLAN = Plan("shop", "test:///default")


@pytest.fixture
def needing(monkeypatch):
    """Lets a plan need a yes, or not, and somebody be there to ask, or not."""

    def needing(words, *, terminal, answer=""):
        asked = []
        monkeypatch.setattr(app_watch, "needing_a_yes", lambda _plan: words)
        monkeypatch.setattr(context, "interactive", lambda: terminal)
        monkeypatch.setattr(prompts, "ask", lambda question: asked.append(question) or answer)
        return asked

    return needing


@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_live_is_not_asked_for(needing, terminal):
    asked = needing([], terminal=terminal)
    assert (watch._agreed(PLAN), asked) == (True, [])  # noqa: SLF001


@pytest.mark.parametrize(("answer", "agreed"), [("y", True), ("n", False), ("", False)])
def test_the_rest_is_asked_for_on_a_terminal(needing, capsys, answer, agreed):
    asked = needing(["vm/web restarts"], terminal=True, answer=answer)
    assert (watch._agreed(PLAN), len(asked)) == (agreed, 1)  # noqa: SLF001
    assert capsys.readouterr().err == "not done without a yes: vm/web restarts\n"


def test_without_a_terminal_it_is_only_told(needing, capsys):
    asked = needing(["vm/web restarts"], terminal=False)
    assert (watch._agreed(PLAN), asked) == (False, [])  # noqa: SLF001
    assert "vm/web restarts; `labctl up` does it" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--yes", "--trust"])
def test_there_is_no_yes_to_what_is_not_written_yet(option):
    with pytest.raises(UsageError, match="no such option"):
        labctl.cli.parse(["watch", option])


def test_standard_input_can_not_be_watched():
    with pytest.raises(UsageError, match="can't be watched"):
        labctl.cli.run(["-f", "-", "watch"])


def test_without_a_labfile_there_is_nothing_to_watch(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no Labfile\.yaml here"):
        labctl.cli.run(["watch", "-c", "test:///default"])
    assert capsys.readouterr().err == ""
