"""Keeps test events of functions and rules, which other tools share (docs/test-events.md): `/test-events`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from nightbus.aws.errors import AwsError
from nightbus.aws.test_event_schemas import (
    LARGEST_EVENT,
    MOST_VERSIONS,
    REGISTRY,
    SYNCHRONOUS,
    TYPE,
    schema_of_function,
    schema_of_rule,
)
from nightbus.bus.event_files import NoEvent, check_one, read_entries
from nightbus.bus.json_text import parse_json, write_json
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Body, Done, Query

Name = Annotated[str, msgspec.Meta(max_length=300)]


class OwnerQuery(Query, frozen=True):
    """Whose events: those of a `function`, or of a `rule` of a `bus`."""

    function: Name = ""
    rule: Name = ""
    bus: Name = "default"


class KeptEvent(Answer, frozen=True):
    """`event` is a JSON text. A rule's is an envelope, a part of one, or an entry of PutEvents."""

    name: str
    event: str


class KeptEvents(Answer, frozen=True):
    events: list[KeptEvent]


class NewTestEvent(Body, frozen=True):
    """`event` is a JSON text. `replace`: an event of the same name."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    event: Annotated[str, msgspec.Meta(max_length=LARGEST_EVENT)]
    function: Name = ""
    rule: Name = ""
    bus: Name = "default"
    replace: bool = False


async def list_test_events(request: ApiRequest, query: OwnerQuery) -> KeptEvents:
    """List the test events of a function or a rule, in the order in which they were kept."""
    document = await _document(request, _schema(query))
    examples = {} if document is None else _examples(document)
    return KeptEvents(
        events=[
            KeptEvent(name=name, event=write_json(one["value"]))
            for name, one in examples.items()
            if isinstance(one, dict) and "value" in one
        ]
    )


async def keep_test_event(request: ApiRequest, body: NewTestEvent) -> Done:
    """Keep a test event of a function or a rule."""
    schema = _schema(body)
    event: dict[str, Any] = {"value": _checked(body)}
    if body.function:
        event["x-metadata"] = SYNCHRONOUS
    document = await _document(request, schema)
    if document is None:
        await _create(request, schema, body, event)
        return Done()
    examples = _examples(document)
    if body.name in examples and not body.replace:
        raise AwsError("ConflictException", f"There is a test event {body.name} already.", 409)
    examples[body.name] = event
    await _update(request, schema, document)
    return Done()


def _schema(owner: OwnerQuery | NewTestEvent) -> str:
    """Raises AwsError where it is not exactly one owner."""
    if bool(owner.function) == bool(owner.rule):
        raise AwsError("ValidationException", "Give either `function` or `rule`.")
    return schema_of_function(owner.function) if owner.function else schema_of_rule(owner.bus, owner.rule)


def _checked(body: NewTestEvent) -> Any:
    """The event. Raises AwsError for what is not JSON, and where a bus would not take it as one event."""
    try:
        value = parse_json(body.event)
        if body.rule:
            check_one(read_entries(body.event))
    except (ValueError, NoEvent) as broken:
        raise AwsError("ValidationException", f"This is no test event: {broken}") from None
    return value


async def _document(request: ApiRequest, schema: str) -> dict[str, Any] | None:
    """The schema with the events; None where there are none."""
    try:
        found = await request.read("schemas", "DescribeSchema", RegistryName=REGISTRY, SchemaName=schema)
    except AwsError as error:
        if error.code == "NotFoundException":
            return None
        raise
    document: dict[str, Any] = parse_json(found["Content"])
    return document


def _examples(document: Any) -> dict[str, Any]:
    """Where the document has its events. Raises AwsError where somebody has put another document there."""
    found = document
    for name in ("components", "examples"):
        found = found.setdefault(name, {}) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise AwsError(
            "ConflictException", "The schema of the test events is not one that holds events.", 409
        )
    return found


async def _create(request: ApiRequest, schema: str, body: NewTestEvent, event: dict[str, Any]) -> None:
    """The first event of its owner, of which the schema is derived."""
    derived = await request.read("schemas", "GetDiscoveredSchema", Type=TYPE, Events=[body.event])
    document = parse_json(derived["Content"])
    document["components"]["examples"] = {body.name: event}
    try:
        await request.change("schemas", "CreateRegistry", RegistryName=REGISTRY)
    except AwsError as error:
        if error.code != "ConflictException":
            raise
    content = write_json(document)
    await request.change(
        "schemas", "CreateSchema", RegistryName=REGISTRY, SchemaName=schema, Type=TYPE, Content=content
    )


async def _update(request: ApiRequest, schema: str, document: dict[str, Any]) -> None:
    named = {"RegistryName": REGISTRY, "SchemaName": schema}
    listed = await request.read("schemas", "ListSchemaVersions", **named, Limit=100)
    versions = sorted((one["SchemaVersion"] for one in listed["SchemaVersions"]), key=int)
    for version in versions[: max(0, len(versions) - MOST_VERSIONS + 1)]:
        await request.change("schemas", "DeleteSchemaVersion", **named, SchemaVersion=version)
    await request.change("schemas", "UpdateSchema", **named, Type=TYPE, Content=write_json(document))


ROUTES: Routes = {
    "GET /test-events": list_test_events,
    "POST /test-events": keep_test_event,
}
