"""What other kinds keep in a domain's metadata."""

from xml.etree import ElementTree as ET

from labctl.core import records
from labctl.core.identity import records_namespace


def domain(*elements: str) -> ET.Element:
    return ET.fromstring(f"<domain><metadata>{''.join(elements)}</metadata></domain>")


def element(kind: str, body: str) -> str:
    return f'<x:records xmlns:x="{records_namespace(kind)}">{body}</x:records>'


def test_each_kind_has_its_own_records():
    text = records.render({"web/1": {"digest": 'a"<b'}, "web/2": {}})
    body = text.removeprefix("<records>").removesuffix("</records>")
    root = domain(element("step", body), element("forward", '<record key="80"/>'), "<other/>")
    assert records.read_all(root) == {
        "step": {"web/1": {"digest": 'a"<b'}, "web/2": {}},
        "forward": {"80": {}},
    }


def test_what_somebody_edited_is_no_record():
    assert records.read_all(domain(element("step", "<record/><record key=''/><record key='1'/>"))) == {
        "step": {"1": {}}
    }


def test_a_domain_without_metadata_has_none():
    assert records.read_all(ET.fromstring("<domain/>")) == {}
