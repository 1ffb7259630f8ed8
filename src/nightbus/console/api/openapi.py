"""Describes the API in OpenAPI 3.1, from the tables of routes and the Structs of their handlers. Pure.

Source: https://spec.openapis.org/oas/v3.1.0.html; its schemas are those of JSON Schema 2020-12, as msgspec makes them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from nightbus import __version__
from nightbus.console.api.routing import Route
from nightbus.console.api.values import ApiError, EventStream
from nightbus.node.operator_key import OPERATOR_HEADER

_REF = "#/components/schemas/{name}"
_INTRODUCTION = (
    "What the web console of a Nightbus node reads and does. Times are UTC milliseconds. Lists have `next`, which asks "
    "for what follows; it is null at the end. Errors have `error`, a code, and `message`."
)
_SCOPE = [
    {
        "name": name,
        "in": "query",
        "description": f"By default {default}.",
        "schema": {"type": "string", "default": default},
    }
    for name, default in (("account", "000000000000"), ("region", "us-east-1"))
]


def describe(routes: Sequence[Route], base: str) -> dict[str, Any]:
    """The description. `base` is the path below which the routes are."""
    types: set[Any] = {kind for route in routes for kind in (route.query, route.body, route.answer)}
    structs = {kind for kind in types if _is_struct(kind)} | {ApiError}
    ordered = sorted(structs, key=lambda kind: (kind.__module__, kind.__qualname__))
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    refs = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs, components)
    queries = {_name(refs[kind]) for kind in ordered if any(kind is route.query for route in routes)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Nightbus", "version": __version__, "description": _INTRODUCTION},
        "servers": [{"url": base}],
        "security": [{"operator": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in queries},
            "securitySchemes": {
                "operator": {"type": "apiKey", "in": "header", "name": OPERATOR_HEADER},
                "session": {"type": "apiKey", "in": "cookie", "name": "nightbus-4566"},
            },
        },
    }


def _operation(route: Route, refs: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(route.handler) or "").partition("\n")
    in_path = [part[1:-1] for part in route.parts if part.startswith("{")]
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "tags": [re.sub(r"[{}]", "", route.parts[0])],
        "summary": summary.strip(),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in in_path
        ]
        + _SCOPE
        + _query_parameters(route, refs, components),
        "responses": {
            "200": _response(route, refs),
            "default": {
                "description": "What is wrong.",
                "content": {"application/json": {"schema": refs[ApiError]}},
            },
        },
    }
    if description.strip():
        operation["description"] = " ".join(description.split())
    if route.body is not None:
        content = {"application/json": {"schema": refs[route.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _query_parameters(route: Route, refs: dict[Any, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = components[_name(refs[route.query])]
    required = schema.get("required", ())
    parameters = []
    for name, member in schema["properties"].items():
        inner = dict(member)
        text = inner.pop("description", "")
        one = {"name": name, "in": "query", "required": name in required, "schema": inner}
        parameters.append({**one, "description": text} if text else one)
    return parameters


def _response(route: Route, refs: dict[Any, Any]) -> dict[str, Any]:
    if route.answer is EventStream:
        content: dict[str, Any] = {"text/event-stream": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": refs.get(route.answer, {})}}
    return {"description": "The answer.", "content": content}


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]
