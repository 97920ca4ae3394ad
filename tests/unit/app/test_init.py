"""The Labfile to start from."""

import pytest

from labctl.app.init import init
from labctl.core.errors import LabctlError, UsageError
from labctl.labfile.init_templates import template_names

START = template_names()[0]


def test_a_link_in_its_place_leads_nowhere(tmp_path):
    """As in a stranger's repository, where somebody starts anew."""
    outside = tmp_path / "profile"
    outside.write_text("own")
    (tmp_path / "Labfile.yaml").symlink_to(outside)
    with pytest.raises(UsageError, match="exists already"):
        init(START, str(tmp_path))
    init(START, str(tmp_path), force=True)
    assert outside.read_text() == "own"
    assert (tmp_path / "Labfile.yaml").read_text().count("labfile: 1") == 1


def test_a_folder_in_its_place_is_told(tmp_path):
    (tmp_path / "Labfile.yaml").mkdir()
    with pytest.raises(LabctlError, match="can't write it"):
        init(START, str(tmp_path), force=True)
