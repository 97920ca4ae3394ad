import re

from labctl.report.mermaid import render
from tests.unit.report.drawings import HOSTILE, cluster, hostile

NODE = re.compile(r'  (net|vm)\d+(\(\["|\[")[^"]*("\]\)|"\]):::[a-z]+')
LINE = re.compile(r'  net\d+ (---|-\.-)(\|"[^"]*"\|)? vm\d+')


def test_networks_vms_and_a_line_for_each_nic():
    lines = render(cluster()).splitlines()
    assert lines[:3] == [
        "flowchart LR",
        "  %% lab cluster",
        '  net0(["mgmt<br/>nat<br/>10.1.0.0/24"]):::network',
    ]
    assert '  net1(["storage<br/>isolated<br/>10.2.0.0/24<br/>fd00:1:2::/64<br/>absent"]):::absent' in lines
    assert '  vm1["node-2<br/>running, not ready"]:::booting' in lines
    assert '  net3 -.-|"link down"| vm0' in lines
    assert len([line for line in lines if LINE.fullmatch(line)]) == 10


def test_each_class_that_is_used_is_defined():
    text = render(cluster())
    assert set(re.findall(r":::(\w+)", text)) <= set(re.findall(r"classDef (\w+)", text))


def test_hostile_names_are_names():
    """Every line is one that is meant: all but plain characters are written as numbers."""
    head, comment, *lines = render(hostile()).splitlines()
    assert (head, comment) == ("flowchart LR", "  %% lab nN x b(id)35")
    meant = [line for line in lines if NODE.fullmatch(line) or LINE.fullmatch(line)]
    assert len(meant) == 2 * len(HOSTILE) + len(HOSTILE) ** 2
    assert all(line.startswith("  classDef ") for line in lines if line not in meant)
    assert "n#92;N#34;#93;#59; x #91;#60;b#62;#38;" in meant[0]
    assert "<script" not in "".join(lines)
