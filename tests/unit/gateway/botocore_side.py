"""The client's half of a call, by botocore itself: its requests are what we parse, its parsers read what we write."""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import botocore.session
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from nightbus.gateway.request import WireRequest, parse_query
from nightbus.gateway.response import WireResponse

WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
_DEPTH = 8
_session = botocore.session.get_session()


def service(name: str) -> Any:
    return _session.get_service_model(name)


def filled(shape: Any, depth: int = 0) -> Any:
    """A value for every member of the shape, as deep as the shape goes (recursive ones end after a while)."""
    kind = shape.type_name
    if kind == "structure":
        members = shape.members.items() if depth < _DEPTH else ()
        if getattr(shape, "is_tagged_union", False):
            members = list(members)[:1]
        return {
            name: filled(member, depth + 1)
            for name, member in members
            if not member.serialization.get("eventstream") and _has_content(member, depth + 1)
        }
    if kind == "list":
        return [filled(shape.member, depth + 1) for _ in range(2)]
    if kind == "map":
        return {f"k{at}": filled(shape.value, depth + 1) for at in range(2)}
    return _scalar(shape)


def _has_content(shape: Any, depth: int) -> bool:
    """Empty structures and lists look like absent ones in XML and forms."""
    if shape.type_name == "structure":
        return depth < _DEPTH and any(_has_content(member, depth + 1) for member in shape.members.values())
    if shape.type_name in ("list", "map"):
        inner = shape.member if shape.type_name == "list" else shape.value
        return depth < _DEPTH and _has_content(inner, depth + 1)
    return True


def _scalar(shape: Any) -> Any:
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "a text, with <signs> & ünïcode"
    values = {"integer": 7, "long": 2**40, "float": 1.5, "double": 2.5, "boolean": True, "timestamp": WHEN}
    return values.get(shape.type_name, b"bytes \x00\xff")


def plain_headers(shape: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Headers and paths hold less than bodies do: there, texts become plain ones."""
    simple = dict(params)
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        if location in ("header", "uri") and isinstance(simple.get(name), str) and not member.enum:
            simple[name] = "text-1"
        elif location in ("header", "headers") and name in simple and not isinstance(simple[name], str):
            simple[name] = _plain(simple[name])
    return simple


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return "text-1" if isinstance(value, str) and not value.isupper() else value


def request(model: Any, operation: Any, params: Mapping[str, Any], protocol: str) -> WireRequest:
    """What botocore would send, signed for the service."""
    made = create_serializer(protocol, False).serialize_to_request(params, operation)
    path, _, query = made["url_path"].partition("?")
    more = made["query_string"]
    query = "&".join(
        part for part in (query, more if isinstance(more, str) else urlencode(more, doseq=True)) if part
    )
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body, doseq=True)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in made["headers"].items()
    }
    scope = f"AKID/20260101/us-east-1/{model.signing_name}/aws4_request"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    headers.setdefault("host", "127.0.0.1:4566")
    last, lists = parse_query(query)
    raw = body.encode() if isinstance(body, str) else bytes(body or b"")
    return WireRequest(made["method"], path, last, headers, raw, query_lists=lists)


def parsed(operation: Any, response: WireResponse, protocol: str) -> dict[str, Any]:
    """What botocore's parser reads from our response."""
    assert isinstance(response.body, bytes)
    failed = response.status >= 300
    body = io.BytesIO(response.body) if operation.has_streaming_output and not failed else response.body
    raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": body}
    found: dict[str, Any] = create_parser(protocol).parse(raw, operation.output_shape)
    return found


def comparable(value: Any) -> Any:
    if hasattr(value, "read"):
        return value.read()
    if isinstance(value, dict):
        return {key: comparable(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [comparable(one) for one in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC)
    return value
