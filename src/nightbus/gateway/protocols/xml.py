"""Parses and serializes values of a shape in XML, for the query, ec2 and rest-xml protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from nightbus.aws.errors import AwsError
from nightbus.gateway.models import Shape
from nightbus.gateway.protocols.values import format_text, parse_text

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF))


class _Builder(ElementTree.TreeBuilder):
    """Refuses document types when the parser reports one.

    So it finds them in every encoding, and none in plain text.
    """

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError(f"The document type {name} is not permitted.")


def document(root: Element) -> bytes:
    # A reader turns a plain carriage return into a line feed, and leaves an escaped one as it is.
    text = ElementTree.tostring(root, encoding="unicode").replace("\r", "&#13;")
    return _DECLARATION + text.encode(
        "utf-8", "replace"
    )  # a lone surrogate, which JSON can escape, is not UTF-8


def text_element(name: str, text: str) -> Element:
    element = Element(name)
    element.text = _speakable(text)
    return element


def append_structure(parent: Element, shape: Shape, value: Mapping[str, Any], timestamp_style: str) -> None:
    """Append the members of the body as children (or attributes) of `parent`."""
    for name, one in value.items():
        member = shape.members.get(name)
        if member is None or one is None or member.location is not None:
            continue
        if member.traits.get("xmlAttribute"):
            parent.set(member.wire_name(name), _speakable(format_text(member, one, timestamp_style)))
        else:
            append_value(parent, member.wire_name(name), member, one, timestamp_style)


def append_value(parent: Element, name: str, shape: Shape, value: Any, timestamp_style: str) -> None:
    kind = shape.type
    if kind == "structure":
        child = _child(parent, name, shape)
        append_structure(child, shape, value, timestamp_style)
    elif kind == "list":
        element = shape.element
        if shape.flattened:
            item = element.wire_name(name) if "locationName" in element.traits else name
            for one in value:
                append_value(
                    parent,
                    item if "locationName" not in shape.traits else name,
                    element,
                    one,
                    timestamp_style,
                )
            return
        child = _child(parent, name, shape)
        for one in value:
            append_value(child, element.wire_name("member"), element, one, timestamp_style)
    elif kind == "map":
        _append_map(parent, name, shape, value, timestamp_style)
    else:
        child = _child(parent, name, shape)
        child.text = _speakable(format_text(shape, value, timestamp_style))


def _speakable(text: str) -> str:
    """Return the text without the characters that XML cannot contain."""
    return text.translate(_CONTROL)


def _append_map(
    parent: Element, name: str, shape: Shape, value: Mapping[str, Any], timestamp_style: str
) -> None:
    holder = parent if shape.flattened else _child(parent, name, shape)
    for key, one in value.items():
        entry = ElementTree.SubElement(holder, name if shape.flattened else "entry")
        append_value(entry, shape.key.wire_name("key"), shape.key, key, timestamp_style)
        append_value(entry, shape.value.wire_name("value"), shape.value, one, timestamp_style)


def _child(parent: Element, name: str, shape: Shape) -> Element:
    child = ElementTree.SubElement(parent, name)
    namespace = shape.traits.get("xmlNamespace")
    if isinstance(namespace, dict):
        prefix = namespace.get("prefix")
        child.set(f"xmlns:{prefix}" if prefix else "xmlns", namespace["uri"])
    return child


def read_document(body: bytes, error: AwsError) -> Element:
    """Parse a body and return its root, without namespaces. Raises `error`, also for entities and document types."""
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314 - without document types nothing unfolds
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as broken:
        raise error from broken
    for element in root.iter():
        element.tag = _local(element.tag)
        for name in [name for name in element.attrib if name.startswith("{")]:
            element.set(_attribute_name(name), element.attrib.pop(name))
    return root


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _attribute_name(name: str) -> str:
    prefix = "xsi:" if "XMLSchema-instance" in name else ""
    return prefix + _local(name)


def parse_element(shape: Shape, element: Element) -> Any:
    kind = shape.type
    if kind == "structure":
        return parse_structure(shape, element)
    if kind == "list":
        return [parse_element(shape.element, child) for child in element]
    if kind == "map":
        return _parse_map(shape, element)
    return parse_text(shape, element.text or "")


def parse_structure(shape: Shape, element: Element) -> dict[str, Any]:
    children: dict[str, list[Element]] = {}
    for child in element:
        children.setdefault(child.tag, []).append(child)
    members: dict[str, Any] = {}
    for name, member in shape.members.items():
        if member.location is not None:
            continue
        if member.traits.get("xmlAttribute"):
            if member.wire_name(name) in element.attrib:
                members[name] = element.attrib[member.wire_name(name)]
            continue
        mine = children.get(_element_name(name, member), ())
        if mine:
            members[name] = _parse_children(member, mine)
    return members


def _element_name(name: str, member: Shape) -> str:
    if member.type == "list" and member.flattened and "locationName" not in member.traits:
        return member.element.wire_name(name)
    return member.wire_name(name)


def _parse_children(member: Shape, elements: Iterable[Element]) -> Any:
    elements = list(elements)
    if member.type == "list" and member.flattened:
        return [parse_element(member.element, one) for one in elements]
    if member.type == "map" and member.flattened:
        return {key: value for one in elements for key, value in _entry(member, one)}
    return parse_element(member, elements[0])


def _parse_map(shape: Shape, element: Element) -> dict[str, Any]:
    return {key: value for entry in element for key, value in _entry(shape, entry)}


def _entry(shape: Shape, entry: Element) -> Iterable[tuple[str, Any]]:
    key = entry.find(shape.key.wire_name("key"))
    value = entry.find(shape.value.wire_name("value"))
    if key is not None and value is not None:
        yield key.text or "", parse_element(shape.value, value)
