"""XML elements <-> values, compiled from shapes; shared by rest-xml and the answers of the query protocols.

Reading is expat's (through ElementTree, in C). Document types are refused before it: they are the way to entity
expansion, and no AWS request has one.
"""

import re
from collections.abc import Callable
from xml.etree import ElementTree

from . import scalars
from .refusals import MalformedXML
from .shapes import Ref, Shape, in_body

_UNSAFE = re.compile(r'[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\x85\u2028]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"

Put = Callable[[str], None]
Write = Callable[[object, Put], None]


def escape(text: str) -> str:
    """Characters that XML can't hold become references, as S3 prints them; `&#x1;` is then no valid XML 1.0 either."""
    if _UNSAFE.search(text) is None:
        return text
    return _UNSAFE.sub(lambda found: _ESCAPES.get(found[0]) or f"&#x{ord(found[0]):x};", text)


def loads(body: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in body or b"\x00" in body:  # NUL: UTF-16 would hide the first from us
        raise MalformedXML()
    try:
        return ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise MalformedXML() from error


def namespace_attribute(namespace: dict | str | None) -> str:
    if not namespace:
        return ""
    if isinstance(namespace, str):
        return f' xmlns="{escape(namespace)}"'
    prefix = namespace.get("prefix")
    return f' xmlns{":" + prefix if prefix else ""}="{escape(namespace.get("uri", ""))}"'


def member_name(member: str, ref: Ref, shapes: dict[str, Shape]) -> str:
    """A member's element. A flattened list whose element has a name goes by that unless the member has one itself."""
    if ref.locationName:
        return ref.locationName
    shape = shapes[ref.shape]
    if shape.type == "list" and shape.flattened and not ref.flattened and shape.member.locationName:
        return shape.member.locationName
    return member


def is_flat(ref: Ref, shapes: dict[str, Shape]) -> bool:
    return ref.flattened or shapes[ref.shape].flattened


class Writer:
    """Builds writers: functions of a value and of `put`, which takes the next piece of text."""

    def __init__(self, shapes: dict[str, Shape]) -> None:
        self.shapes = shapes
        self._contents: dict[str, Write] = {}

    def element(self, name: str, ref: Ref, namespace: dict | str | None = None) -> Write:
        """The element `name` with a value of the shape in it."""
        shape = self.shapes[ref.shape]
        head = name + namespace_attribute(ref.xmlNamespace or shape.xmlNamespace or namespace)
        if shape.type == "structure":
            return self._structure_element(name, head, ref, shape)
        if shape.type == "list":
            return _wrapped(name, head, self._list_items(ref, shape))
        if shape.type == "map":
            return _wrapped(name, head, self._map_entries(shape, "entry"))
        turn = self.text(ref)
        if shape.type in ("string", "character"):
            return lambda value, put: put(f"<{head}>{escape(str(value))}</{name}>")
        return lambda value, put: put(f"<{head}>{turn(value)}</{name}>")

    def text(self, ref: Ref) -> Callable[[object], str]:
        shape = self.shapes[ref.shape]
        if shape.type == "timestamp":
            return scalars.TIMESTAMP_WRITERS_IN_BODY[ref.timestampFormat or shape.timestampFormat or "iso8601"]
        return scalars.TEXT_WRITERS[shape.type]

    def content(self, ref: Ref) -> Write:
        """A structure's members, without an element around them."""
        if ref.shape in self._contents:
            return self._contents[ref.shape]
        members: list[tuple[str, Write]] = []

        def write(value: dict, put: Put) -> None:
            for name, write_member in members:
                inner = value.get(name)
                if inner is not None:
                    write_member(inner, put)

        self._contents[ref.shape] = write
        for name, inner in self.shapes[ref.shape].members.items():
            if in_body(inner, incoming=False) and not inner.xmlAttribute:
                members.append((name, self._member(name, inner)))
        return write

    def _member(self, name: str, ref: Ref) -> Write:
        shape = self.shapes[ref.shape]
        wire = member_name(name, ref, self.shapes)
        if shape.type == "list" and is_flat(ref, self.shapes):
            item = self.element(wire, shape.member)

            def write_items(values: list, put: Put) -> None:
                for value in values:
                    if value is not None:
                        item(value, put)

            return write_items
        if shape.type == "map" and is_flat(ref, self.shapes):
            return self._map_entries(shape, wire)
        return self.element(wire, ref)

    def _list_items(self, ref: Ref, shape: Shape) -> Write:
        item = self.element(shape.member.locationName or "member", shape.member)

        def write(values: list, put: Put) -> None:
            for value in values:
                if value is not None:
                    item(value, put)

        return write

    def _map_entries(self, shape: Shape, entry: str) -> Write:
        write_key = self.element(shape.key.locationName or "key", shape.key)
        write_value = self.element(shape.value.locationName or "value", shape.value)

        def write(entries: dict, put: Put) -> None:
            for key, value in entries.items():
                if value is None:
                    continue
                put(f"<{entry}>")
                write_key(key, put)
                write_value(value, put)
                put(f"</{entry}>")

        return write

    def _structure_element(self, name: str, head: str, ref: Ref, shape: Shape) -> Write:
        content = self.content(ref)
        attributes = [
            (member, inner.locationName or member, self.text(inner))
            for member, inner in shape.members.items()
            if inner.xmlAttribute
        ]
        if not attributes:
            return _wrapped(name, head, content)

        def write(value: dict, put: Put) -> None:
            written = "".join(
                f' {wire}="{escape(turn(value[member]))}"'
                for member, wire, turn in attributes
                if value.get(member) is not None
            )
            put(f"<{head}{written}>")
            content(value, put)
            put(f"</{name}>")

        return write


def _wrapped(name: str, head: str, content: Write) -> Write:
    start, end = f"<{head}>", f"</{name}>"

    def write(value: object, put: Put) -> None:
        put(start)
        content(value, put)
        put(end)

    return write


Read = Callable[[ElementTree.Element], object]


class Reader:
    """Builds readers: functions from an element to a value. Namespaces are not looked at, as S3 doesn't."""

    def __init__(self, shapes: dict[str, Shape]) -> None:
        self.shapes = shapes
        self._structures: dict[str, Read] = {}

    def value(self, ref: Ref) -> Read:
        shape = self.shapes[ref.shape]
        if shape.type == "structure":
            return self._structure(ref, shape)
        if shape.type == "list":
            item = self.value(shape.member)
            return lambda element: [item(child) for child in element]
        if shape.type == "map":
            entry = self._entry(shape)
            return lambda element: dict(entry(child) for child in element)
        return self._scalar(shape)

    def _scalar(self, shape: Shape) -> Read:
        turn = scalars.TEXT_READERS[shape.type]
        if shape.type in ("string", "character"):
            return _text

        def read(element: ElementTree.Element) -> object:
            try:
                return turn(_text(element).strip())
            except (ValueError, IndexError) as error:
                raise MalformedXML() from error

        return read

    def _entry(self, shape: Shape) -> Callable[[ElementTree.Element], tuple[str, object]]:
        key_name = shape.key.locationName or "key"
        value_name = shape.value.locationName or "value"
        read_value = self.value(shape.value)

        def read(element: ElementTree.Element) -> tuple[str, object]:
            parts = {_local(child.tag): child for child in element}
            if key_name not in parts or value_name not in parts:
                raise MalformedXML()
            return _text(parts[key_name]), read_value(parts[value_name])

        return read

    def _structure(self, ref: Ref, shape: Shape) -> Read:
        if ref.shape in self._structures:
            return self._structures[ref.shape]
        slots: dict[str, tuple[str, str, Read]] = {}
        attributes: dict[str, str] = {}

        def read(element: ElementTree.Element) -> dict:
            out: dict = {}
            for child in element:
                slot = slots.get(_local(child.tag))
                if slot is None:
                    continue
                name, kind, turn = slot
                if kind == "one":
                    out[name] = turn(child)
                elif kind == "list":
                    out.setdefault(name, []).append(turn(child))
                else:
                    key, value = turn(child)
                    out.setdefault(name, {})[key] = value
            for key, text in element.attrib.items():
                if key in attributes:
                    out[attributes[key]] = text
            return out

        self._structures[ref.shape] = read
        for name, inner in shape.members.items():
            if inner.location is not None:
                continue
            if inner.xmlAttribute:
                wire = inner.locationName or name
                attributes[_XSI + wire[4:] if wire.startswith("xsi:") else wire] = name
                continue
            target = self.shapes[inner.shape]
            kind, turn = "one", None
            if target.type == "list" and is_flat(inner, self.shapes):
                kind, turn = "list", self.value(target.member)
            elif target.type == "map" and is_flat(inner, self.shapes):
                kind, turn = "map", self._entry(target)
            slots[member_name(name, inner, self.shapes)] = (name, kind, turn or self.value(inner))
        return read


def _text(element: ElementTree.Element) -> str:
    if len(element):
        raise MalformedXML()  # an element where text belongs
    return element.text or ""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
