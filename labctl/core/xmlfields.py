"""Declarations of XML elements. One table says how a record is written as an element, and how it is read back.

    NIC = Declaration(
        "devices/interface",
        NicUse,
        Fixed("@type", "network"),
        Property("mac", "mac/@address"),
        Property("mtu", "mtu/@size", NUMBER),
    )

A path starts at the element: `mac/@address` is an attribute of a child, `serial` the text of a child, `@type` an
attribute of the element itself. Children are written in the order of the declaration. A child without any value is not
written.
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
_STEP = re.compile(r"(?:\{[^}]*\}|[^/])+")  # a namespace in braces may contain slashes
_KNOWN_BY = re.compile(r"^(.*)\[@(\w+)='(.*)'\]$")


# --- places: the texts and attributes that paths lead to -------------------------------------------------------


def _made(root: Element, steps: Sequence[str]) -> Element:
    """The element that these steps lead to. Missing elements are created."""
    for step in steps:
        child = root.find(step)
        root = ET.SubElement(root, step.partition("[@")[0]) if child is None else child
    return root


class Place:
    """The text or attribute that a path leads to.

    The last element may be selected by an attribute: `feature[@name='secure-boot']/@enabled`.
    """

    def __init__(self, path: str) -> None:
        self.steps: list[str] = _STEP.findall(path)
        self.attribute = self.steps.pop()[1:] if self.steps[-1].startswith("@") else ""
        known_by = _KNOWN_BY.match(self.steps[-1]) if self.steps else None
        self._known_by = {known_by[2]: known_by[3]} if known_by else {}

    def element(self, root: Element) -> Element | None:
        """The element that has the text or attribute; None where it is missing."""
        return follow(root, self.steps)

    def get(self, root: Element) -> str | None:
        """The text; None where the element or the attribute is missing."""
        element = self.element(root)
        return None if element is None else self.get_in(element)

    def put(self, root: Element, text: str) -> Element:
        """Write the text, and create missing elements. Gives the element that has the text or attribute."""
        element = _made(root, self.steps)
        self.put_in(element, text)
        element.attrib |= self._known_by
        return element

    def get_in(self, element: Element) -> str | None:
        """The text of an element that the path leads to; None where it lacks the attribute."""
        return element.get(self.attribute) if self.attribute else element.text or ""

    def put_in(self, element: Element, text: str) -> None:
        """Write the text into an element that the path leads to."""
        if self.attribute:
            element.set(self.attribute, text)
        else:
            element.text = text


# --- entries of a declaration ----------------------------------------------------------------------------------


class Entry:
    """One entry of a declaration."""

    def write(self, root: Element, of: Any) -> None:
        """Write the entry of the record `of` into the declared element, if it has a value."""
        raise NotImplementedError


class Fixed(Entry):
    """A text that is always the same. With `when`, it is written only for records for which that is true."""

    def __init__(self, path: str, text: str, when: Callable[[Any], object] | None = None) -> None:
        self._place = Place(path)
        self._text = text
        self._when = when

    def write(self, root: Element, of: Any) -> None:
        if self._when is None or self._when(of):
            self._place.put(root, self._text)


class Written(Entry):
    """A value that is computed from the record, and not read back."""

    def __init__(self, value: Callable[[Any], object], path: str, form: Form = TEXT) -> None:
        self._value = value
        self._place = Place(path)
        self._form = form

    def write(self, root: Element, of: Any) -> None:
        text = self._form.write(self._value(of))
        if text is not None:
            self._place.put(root, text)


class Rendered(Entry):
    """Elements that are rendered from the record by other declarations."""

    def __init__(self, elements: Callable[[Any], Iterable[Element]]) -> None:
        self._elements = elements

    def write(self, root: Element, of: Any) -> None:
        root.extend(self._elements(of))


class Property(Entry):
    """A field of the record, which is written and read back.

    Args:
        field: the name of the field.
        path: the place of its text.
        form: the form of its text.
        read_at: the places to read it from, in order; by default `path` alone.
        when: says for which records it is written; by default for all.
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
        """The value; the form's `absent` where the element has none."""
        for place in self._read_at:
            text = place.get(root)
            if text is not None:
                return self._form.read(text)
        return self._form.absent

    def is_in(self, root: Element) -> bool:
        """Whether the element has a text for this field."""
        return any(place.get(root) is not None for place in self._read_at)


class Read(Property):
    """A field that libvirt sets: it is read and never written."""

    def write(self, root: Element, of: Any) -> None:
        del root, of


class Strings(Property):
    """A tuple of texts, with one element for each. `fixed` are attributes of each of these elements."""

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
    """A number of bytes, written in this `unit`; it is `absent` where the element is missing."""

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
    """The declaration of an element and of the record for it.

    Args:
        path: the path of such elements in the object's XML, as `devices/disk`.
        make: the record's class.
        entries: the entries, in the order in which they are written.
    """

    def __init__(self, path: str, make: Callable[..., T], *entries: Entry) -> None:
        self.path = path
        self.tag: str = _STEP.findall(path)[-1]
        self.properties = [each for each in entries if isinstance(each, Property)]
        self._make = make
        self._entries = entries

    def render(self, of: T) -> Element:
        """Write a record as an element."""
        root = ET.Element(self.tag)
        for entry in self._entries:
            entry.write(root, of)
        return root

    def values(self, element: Element) -> dict[str, Any]:
        """Read the fields of an element, by name."""
        return {each.field: each.read(element) for each in self.properties}

    def read(self, element: Element) -> T:
        """Read an element as a record."""
        return self._make(**self.values(element))

    def elements(self, root: Element) -> Iterator[Element]:
        """All such elements in an object's XML, whose root may itself be one."""
        return iter([root]) if root.tag == self.path else root.iterfind(self.path)


class Children(Property):
    """A tuple of records, with one element for each."""

    def __init__(self, field: str, path: str, declaration: Declaration[Any]) -> None:
        super().__init__(field, path)
        self._declaration = declaration

    def write(self, root: Element, of: Any) -> None:
        *parents, _tag = self._place.steps
        for each in getattr(of, self.field):
            _made(root, parents).append(self._declaration.render(each))

    def read(self, root: Element) -> Any:
        return tuple(map(self._declaration.read, root.iterfind(self.path)))
