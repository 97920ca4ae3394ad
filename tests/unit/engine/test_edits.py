"""The edits of `xml:`, which are tried before anything is changed."""

from labctl.engine.edits import check_xml_edits
from labctl.labfile.load import load
from tests.composed import specs


def test_an_edit_after_which_the_xml_can_not_be_read_is_a_problem(tmp_path):
    (tmp_path / "Labfile.yaml").write_text("labfile: 1\nname: shop\n")
    lab = load(str(tmp_path / "Labfile.yaml")).lab
    vms = {"web": {"image": "debian-12", "xml": [{"at": "./memory", "set": "abc"}]}}
    (found,) = check_xml_edits(lab, specs({"vms": vms}).values())
    assert found.path == "vms.web.xml"
    assert "libvirt's XML can't be read any more" in found.summary
