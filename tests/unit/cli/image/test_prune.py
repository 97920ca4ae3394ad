"""What `labctl image prune` prints."""

from labctl.app.images import prune
from labctl.app.images.prune import Unneeded
from labctl.cli import boundary
from labctl.report import wrap

WHAT = "warm state of shop (26 Nov 12:03; no disk stands on it, and the next `labctl up` of the lab boots)"


def test_what_would_go_is_told_in_the_width_of_the_screen(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prune, "unneeded", lambda _host, _here: [Unneeded(WHAT, 310 << 20)])
    monkeypatch.setattr(wrap, "width", lambda _stream: 80)
    assert boundary.guarded(["-c", "test:///default", "image", "prune"]) == 2
    assert capsys.readouterr().out.split("\n") == [
        "- warm state of shop (26 Nov 12:03; no disk stands on it, and the next",
        "`labctl up` of the lab boots): 310MiB",
        "",
    ]
