"""One declaration writes an element and reads it back."""

from xml.etree import ElementTree as ET

import pytest

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Fixed, Property, Read, Size, Strings, Written
from labctl.core.xmlforms import NUMBER, PRESENT, YES, YES_NO, prefixed


@record
class Thing:
    name: str = ""
    number: int = 0
    bytes: int = 0
    here: bool = False
    good: bool = False
    quick: bool = False
    words: tuple[str, ...] = ()
    chosen: str = ""


THING = Declaration(
    "things/thing",
    Thing,
    Fixed("@type", "test"),
    Property("name", "alias/@name", prefixed("ua-")),
    Written(lambda thing: thing.name.upper(), "shout"),
    Property("number", "number", NUMBER),
    Fixed("number/@odd", "yes", when=lambda thing: thing.number % 2),
    Size("bytes", "size", "KiB"),
    Property("here", "here", PRESENT),
    Property("good", "features/feature[@name='good']/@enabled", YES),
    Property("quick", "features/feature[@name='quick']/@enabled", YES_NO),
    Strings("words", "{urn:a/b}words/{urn:a/b}word/@value", kind="plain"),
    Read("chosen", "chosen/@by"),
)
FULL = Thing("a", 3, 2048, here=True, good=True, quick=True, words=("x", "y"))


def text(thing):
    return ET.tostring(THING.render(thing), encoding="unicode")


def test_all_that_is_declared_stands_in_its_order():
    assert text(FULL) == (
        '<thing xmlns:ns0="urn:a/b" type="test"><alias name="ua-a" /><shout>A</shout><number odd="yes">3</number>'
        '<size unit="KiB">2</size><here />'
        '<features><feature enabled="yes" name="good" /><feature enabled="yes" name="quick" /></features>'
        '<ns0:words><ns0:word kind="plain" value="x" /><ns0:word kind="plain" value="y" /></ns0:words></thing>'
    )


def test_what_is_written_reads_the_same():
    assert THING.read(THING.render(FULL)) == FULL
    assert THING.read(THING.render(Thing("b"))) == Thing("b")


def test_what_is_not_set_is_not_written():
    """But a flag that has a word for no is; an element that is empty then is left out with it."""
    assert text(Thing("b")) == (
        '<thing type="test"><alias name="ua-b" /><shout>B</shout>'
        '<features><feature enabled="no" name="quick" /></features></thing>'
    )


def test_an_empty_element_has_nothing_set():
    assert THING.read(ET.fromstring("<thing/>")) == Thing()


def test_what_libvirt_chooses_is_read_and_never_written():
    thing = THING.read(ET.fromstring("<thing><alias name='ua-b'/><chosen by='libvirt'/></thing>"))
    assert thing == Thing("b", chosen="libvirt")
    assert text(thing) == text(Thing("b"))


@pytest.mark.parametrize(
    ("xml", "size"),
    [("<size>2</size>", 2048), ("<size unit='b'>2</size>", 2), ("<size unit='GB'>2</size>", 2 * 10**9)],
)
def test_sizes_have_units(xml, size):
    """Libvirt's own is KiB."""
    assert THING.read(ET.fromstring(f"<thing>{xml}</thing>")).bytes == size


def test_the_first_place_that_is_there_counts():
    two = Declaration(
        "thing", Thing, Property("name", "source/@network", read_at=("source/@network", "source/@bridge"))
    )
    assert two.read(ET.fromstring("<thing><source bridge='b' network='n'/></thing>")).name == "n"
    assert two.read(ET.fromstring("<thing><source bridge='b'/></thing>")).name == "b"


def test_elements_are_found_in_the_whole():
    root = ET.fromstring("<all><things><thing/><other/><thing/></things></all>")
    assert len(list(THING.elements(root))) == 2
