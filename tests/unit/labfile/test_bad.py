"""Bad Labfiles in `bad/`, each with the exact messages it gets beside it.

`LABCTL_REGENERATE=1 pytest tests/unit/labfile/test_bad.py` writes the messages anew; read the diff.
"""

import os
from pathlib import Path

import pytest

from labctl.core.errors import Rejected
from labctl.labfile.load import load

BAD = Path(__file__).parent / "bad"


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_bad_labfile_gets_all_its_messages_at_once(path, monkeypatch):
    """Each problem is one line with file, line, column, path, and a hint, in the order of the file."""
    monkeypatch.chdir(BAD)
    with pytest.raises(Rejected) as caught:
        load(path.name)
    got = "".join(f"{problem}\n" for problem in caught.value.problems).replace(str(BAD), "/labs")
    expected = path.with_suffix(".txt")
    if os.environ.get("LABCTL_REGENERATE"):
        expected.write_text(got, encoding="utf-8")
    assert got == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(BAD.glob("*.txt")), ids=lambda path: path.stem)
def test_messages_read_alike(path):
    """No final period, lower-case start, nothing of jsonschema's own words, one problem for one place and cause."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for line in lines:
        assert not line.endswith("."), line
        assert "given schemas" not in line
        assert "is not of type" not in line
    assert len(set(lines)) == len(lines)
