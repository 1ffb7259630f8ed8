"""Implements AWS Query: parameters as a flat form (`Tags.member.1.Key`), results as XML in a wrapper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.gateway.models import OperationModel, ServiceModel, Shape
from nightbus.gateway.protocols.values import parse_text
from nightbus.gateway.protocols.xml import append_structure, document, text_element
from nightbus.gateway.request import WireRequest
from nightbus.gateway.response import WireResponse

_LONGEST_LIST = 10_000
_SERVER_ERROR = 500


class Query:
    @staticmethod
    def parse(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
        form = read_form(request)
        if operation.input is None:
            return {}
        tree = _tree(form)
        parsed: dict[str, Any] = _structure(operation.input, tree)
        return parsed

    @staticmethod
    def serialize(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> WireResponse:
        service = operation.service
        root = Element(f"{operation.name}Response", xmlns=service.metadata.get("xmlNamespace", ""))
        if operation.output is not None:
            wrapper = operation.result_wrapper
            holder = SubElement(root, wrapper) if wrapper else root
            append_structure(holder, operation.output, output, "iso8601")
        metadata = SubElement(root, "ResponseMetadata")
        metadata.append(text_element("RequestId", request_id))
        return WireResponse(200, _headers(request_id), document(root))

    @staticmethod
    def serialize_error(service: ServiceModel | None, error: AwsError, request_id: str) -> WireResponse:
        root = Element("ErrorResponse", xmlns=service.metadata.get("xmlNamespace", "") if service else "")
        body = SubElement(root, "Error")
        body.append(text_element("Type", "Receiver" if error.status >= _SERVER_ERROR else "Sender"))
        body.append(text_element("Code", wire_code(service, error.code)))
        body.append(text_element("Message", error.message))
        for name, value in error.fields.items():
            body.append(text_element(name, str(value)))
        root.append(text_element("RequestId", request_id))
        return WireResponse(error.status, _headers(request_id), document(root))


def wire_code(service: ServiceModel | None, code: str) -> str:
    """Return the code on the wire for an error, which its shape may define."""
    shape = service.errors.get(code, {}) if service else {}
    return str(shape.get("error", {}).get("code", code))


def read_form(request: WireRequest) -> dict[str, str]:
    """Return the fields of the body and the query. Of several values of one name the last one counts."""
    try:
        request.body.decode("utf-8")
    except UnicodeDecodeError as broken:
        raise AwsError("MalformedQueryString", "The request body is not UTF-8.") from broken
    try:
        return {**request.query, **request.form()}
    except ValueError as many:
        raise AwsError("MalformedQueryString", "The query string is malformed.") from many


def _headers(request_id: str) -> dict[str, str]:
    return {"x-amzn-requestid": request_id, "content-type": "text/xml"}


class _Node(dict[str, "_Node"]):
    """A node of the tree of the form's names, with the value of the name that ends at it."""

    text: str | None = None


def _tree(form: Mapping[str, str]) -> _Node:
    root = _Node()
    for name, value in form.items():
        node = root
        for part in name.split("."):
            node = node.setdefault(part, _Node())
        node.text = value
    return root


def _structure(shape: Shape, tree: _Node) -> dict[str, Any]:
    members = {}
    for name, member in shape.members.items():
        node = tree.get(_wire_name(name, member))
        if node is not None:
            members[name] = _value(member, node)
    return members


def _wire_name(name: str, member: Shape) -> str:
    if member.type == "list" and member.flattened:
        return member.element.wire_name(name)
    return member.wire_name(name)


def _value(shape: Shape, node: _Node) -> Any:
    if shape.type == "structure":
        return _structure(shape, node)
    if shape.type == "list":
        items = node if shape.flattened else node.get(shape.element.wire_name("member"), _Node())
        only = [node] if shape.flattened and node.text else []  # `AttributeName=All`
        return [_value(shape.element, item) for item in _numbered(items) or only]
    if shape.type == "map":
        entries = node if shape.flattened else node.get("entry", _Node())
        key_name, value_name = shape.key.wire_name("key"), shape.value.wire_name("value")
        only = [node] if shape.flattened and key_name in node else []  # `Attribute.Name=…&Attribute.Value=…`
        return {
            entry.get(key_name, _Node()).text or "": _value(shape.value, entry.get(value_name, _Node()))
            for entry in _numbered(entries) or only
        }
    return parse_text(shape, node.text or "")


def _numbered(items: _Node) -> list[_Node]:
    """Return the nodes of `member.1`, `member.2` … in the order of their numbers."""
    numbered = {whole_number(key): node for key, node in items.items()}
    numbers = sorted(number for number in numbered if number is not None)
    if len(numbers) > _LONGEST_LIST:
        raise AwsError("MalformedQueryString", "The request has too many list members.")
    return [numbered[number] for number in numbers]
