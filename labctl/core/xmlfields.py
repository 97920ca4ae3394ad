"""Declarations of XML elements: one table says how a record is written as an element and read back.

    NIC = Declaration(
        "devices/interface",
        NicUse,
        Fixed("@type", "network"),
        Property("mac", "mac/@address"),
        Property("mtu", "mtu/@size", NUMBER),
    )

A path starts at the element: `mac/@address` is an attribute of a child, `serial` the text of one, `@type` an attribute
of the element itself. What is written stands in the order of the declaration. An element in which nothing is written is
not made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from xml.etree import ElementTree as ET

from labctl.core.xmlforms import TEXT, UNITS, Form, size_of
from labctl.core.xmltree import Element, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")
_STEP = re.compile(r"(?:\{[^}]*\}|[^/])+")  # a namespace in braces may hold slashes
_KNOWN_BY = re.compile(r"^(.*)\[@(\w+)='(.*)'\]$")


# --- places: where the text stands ----------------------------------------------------------------------------


def _made(root: Element, steps: Sequence[str]) -> Element:
    """The element that these steps lead to; those that are not there yet are made."""
    for step in steps:
        child = root.find(step)
        root = ET.SubElement(root, step.partition("[@")[0]) if child is None else child
    return root


class Place:
    """The place of a path.

    The last element may be told from others of its name by an attribute: `feature[@name='secure-boot']/@enabled`.
    """

    def __init__(self, path: str) -> None:
        self.steps: list[str] = _STEP.findall(path)
        self.attribute = self.steps.pop()[1:] if self.steps[-1].startswith("@") else ""
        known_by = _KNOWN_BY.match(self.steps[-1]) if self.steps else None
        self._known_by = {known_by[2]: known_by[3]} if known_by else {}

    def element(self, root: Element) -> Element | None:
        """The element in which it stands; None where that is not there."""
        return follow(root, self.steps)

    def get(self, root: Element) -> str | None:
        """The text; None where the element or the attribute is not there."""
        element = self.element(root)
        return None if element is None else self.get_in(element)

    def put(self, root: Element, text: str) -> Element:
        """Write the text, and make the elements that are not there yet; gives that in which it stands."""
        element = _made(root, self.steps)
        self.put_in(element, text)
        element.attrib |= self._known_by
        return element

    def get_in(self, element: Element) -> str | None:
        """The text in the element that the path leads to; None where it lacks the attribute."""
        return element.get(self.attribute) if self.attribute else element.text or ""

    def put_in(self, element: Element, text: str) -> None:
        """Write the text into the element that the path leads to."""
        if self.attribute:
            element.set(self.attribute, text)
        else:
            element.text = text


# --- entries: what a declaration consists of ------------------------------------------------------------------


class Entry:
    """Something that is written of a record."""

    def write(self, root: Element, of: Any) -> None:
        """Write it into the declared element, where it is to be written."""
        raise NotImplementedError


class Fixed(Entry):
    """A text that is always the same; with `when` it is written of those records alone."""

    def __init__(self, path: str, text: str, when: Callable[[Any], object] | None = None) -> None:
        self._place = Place(path)
        self._text = text
        self._when = when

    def write(self, root: Element, of: Any) -> None:
        if self._when is None or self._when(of):
            self._place.put(root, self._text)


class Written(Entry):
    """A value that follows from the record, and is not read back."""

    def __init__(self, value: Callable[[Any], object], path: str, form: Form = TEXT) -> None:
        self._value = value
        self._place = Place(path)
        self._form = form

    def write(self, root: Element, of: Any) -> None:
        text = self._form.write(self._value(of))
        if text is not None:
            self._place.put(root, text)


class Rendered(Entry):
    """Elements of other declarations, which follow from the record."""

    def __init__(self, elements: Callable[[Any], Iterable[Element]]) -> None:
        self._elements = elements

    def write(self, root: Element, of: Any) -> None:
        root.extend(self._elements(of))


class Property(Entry):
    """A field of the record, both ways.

    Args:
        field: its name.
        path: where it stands.
        form: how it stands there.
        read_at: where to look for it, in order; `path` alone where nothing is said.
        when: of which records it is written.
    """

    def __init__(
        self,
        field: str,
        path: str,
        form: Form = TEXT,
        *,
        read_at: tuple[str, ...] = (),
        when: Callable[[Any], object] | None = None,
    ) -> None:
        self.field = field
        self.path = path
        self._form = form
        self._place = Place(path)
        self._read_at = [Place(each) for each in read_at or (path,)]
        self._when = when

    def write(self, root: Element, of: Any) -> None:
        if self._when is not None and not self._when(of):
            return
        text = self._form.write(getattr(of, self.field))
        if text is not None:
            self._place.put(root, text)

    def read(self, root: Element) -> Any:
        """The value; the form's `absent` where it does not stand there."""
        for place in self._read_at:
            text = place.get(root)
            if text is not None:
                return self._form.read(text)
        return self._form.absent

    def stands_in(self, root: Element) -> bool:
        """Whether the element tells it."""
        return any(place.get(root) is not None for place in self._read_at)


class Read(Property):
    """A field that only libvirt sets: it is read, and never written."""

    def write(self, root: Element, of: Any) -> None:
        del root, of


class Strings(Property):
    """A tuple of texts, with an element for each; `fixed` are attributes that each of them has."""

    def __init__(self, field: str, path: str, *, absent: tuple[str, ...] | None = (), **fixed: str) -> None:
        super().__init__(field, path)
        self._absent = absent
        self._fixed = fixed

    def write(self, root: Element, of: Any) -> None:
        *parents, tag = self._place.steps
        for text in getattr(of, self.field) or ():
            self._place.put_in(ET.SubElement(_made(root, parents), tag, self._fixed), text)

    def read(self, root: Element) -> Any:
        elements = root.iterfind("/".join(self._place.steps))
        return tuple(self._place.get_in(each) or "" for each in elements) or self._absent


class Size(Property):
    """A number of bytes, written in a `unit`; `absent` where it is not set."""

    def __init__(self, field: str, path: str, unit: str, absent: int | None = 0) -> None:
        super().__init__(field, path)
        self._unit = unit
        self._absent = absent

    def write(self, root: Element, of: Any) -> None:
        value = getattr(of, self.field)
        if value:
            self._place.put(root, str(value // UNITS[self._unit])).set("unit", self._unit)

    def read(self, root: Element) -> Any:
        element = self._place.element(root)
        return self._absent if element is None else size_of(element)


# --- declarations ---------------------------------------------------------------------------------------------


class Declaration(Generic[T]):
    """An element and what stands in it.

    Args:
        path: where such elements stand in the object's XML, as `devices/disk`.
        make: the record's class.
        entries: in the order in which they are written.
    """

    def __init__(self, path: str, make: Callable[..., T], *entries: Entry) -> None:
        self.path = path
        self.tag: str = _STEP.findall(path)[-1]
        self.properties = [each for each in entries if isinstance(each, Property)]
        self._make = make
        self._entries = entries

    def render(self, of: T) -> Element:
        """Make the element of a record."""
        root = ET.Element(self.tag)
        for entry in self._entries:
            entry.write(root, of)
        return root

    def values(self, element: Element) -> dict[str, Any]:
        """The fields that an element tells, by name."""
        return {each.field: each.read(element) for each in self.properties}

    def read(self, element: Element) -> T:
        """Make the record of an element."""
        return self._make(**self.values(element))

    def elements(self, root: Element) -> Iterator[Element]:
        """All such elements of an object's XML, which may be the whole of it."""
        return iter([root]) if root.tag == self.path else root.iterfind(self.path)


class Children(Property):
    """A tuple of records, with an element for each."""

    def __init__(self, field: str, path: str, declaration: Declaration[Any]) -> None:
        super().__init__(field, path)
        self._declaration = declaration

    def write(self, root: Element, of: Any) -> None:
        *parents, _tag = self._place.steps
        for each in getattr(of, self.field):
            _made(root, parents).append(self._declaration.render(each))

    def read(self, root: Element) -> Any:
        return tuple(map(self._declaration.read, root.iterfind(self.path)))
