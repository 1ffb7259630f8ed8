"""Parses and serializes members in the path, the query, the headers and the status, for both REST protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.replies import ByteStream
from nightbus.gateway.models import OperationModel, Shape
from nightbus.gateway.protocols.values import encode_blob, format_text, parse_blob, parse_text
from nightbus.gateway.request import WireRequest
from nightbus.gateway.response import WireResponse


def parse_locations(shape: Shape, request: WireRequest) -> dict[str, Any]:
    """Return the members that are not in the body."""
    params: dict[str, Any] = {}
    for name, member in shape.members.items():
        location = member.location
        if location == "uri":
            text = request.labels.get(member.wire_name(name))
            if text is not None:
                params[name] = parse_text(member, text)
        elif location == "header":
            text = request.headers.get(member.wire_name(name).lower())
            if text is not None:
                params[name] = _header(member, text)
        elif location == "querystring":
            _take_query(params, name, member, request)
        elif location == "headers":
            prefix = member.wire_name(name).lower()
            values = {
                key[len(prefix) :]: value for key, value in request.headers.items() if key.startswith(prefix)
            }
            if values:
                params[name] = values
    return params


def _header(member: Shape, text: str) -> Any:
    if member.type == "list":
        return [parse_text(member.element, part.strip()) for part in text.split(",")]
    if member.traits.get("jsonvalue"):
        return parse_blob(text).decode()
    return parse_text(member, text)


def _take_query(params: dict[str, Any], name: str, member: Shape, request: WireRequest) -> None:
    wire = member.wire_name(name)
    if member.type == "map":
        used_names = (
            {other.wire_name(key) for key, other in member.members.items()}
            if member.type == "structure"
            else set()
        )
        params[name] = {key: value for key, value in request.query.items() if key not in used_names}
        return
    values = request.query_lists.get(wire)
    if not values:
        return
    if member.type == "list":
        params[name] = [parse_text(member.element, value) for value in values]
    elif values[-1] != "" or member.type == "string":
        params[name] = parse_text(member, values[-1])


def split_output(
    operation: OperationModel, output: Mapping[str, Any]
) -> tuple[WireResponse, dict[str, Any], str | None]:
    """Return the status and the headers of the response, the members for its body, and the name of the payload member,
    if any."""
    shape = operation.output
    response = WireResponse(operation.status)
    if shape is None:
        return response, {}, None
    body: dict[str, Any] = {}
    for name, value in output.items():
        member = shape.members.get(name)
        if member is None or value is None:
            continue
        location = member.location
        if location == "statusCode":
            response.status = int(value)
        elif location == "header":
            response.headers[member.wire_name(name)] = _header_text(member, value)
        elif location == "headers":
            prefix = member.wire_name(name)
            response.headers.update({f"{prefix}{key}": str(one) for key, one in value.items()})
        else:
            body[name] = value
    return response, body, shape.payload


def _header_text(member: Shape, value: Any) -> str:
    if member.type == "list":
        return ",".join(format_text(member.element, one, "rfc822") for one in value)
    if member.traits.get("jsonvalue"):
        return encode_blob(value)
    return format_text(member, value, "rfc822")


def set_raw_body(response: WireResponse, value: Any) -> None:
    """Set a payload that is not serialized: bytes, text or a stream."""
    if isinstance(value, ByteStream):
        response.body, response.length = value.chunks, value.length
    else:
        response.body = value.encode() if isinstance(value, str) else bytes(value)
