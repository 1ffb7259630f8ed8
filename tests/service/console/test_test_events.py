"""Test events by the API are those of `sam remote test-event`: examples in schemas of `lambda-testevent-schemas`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from console_api import ApiError, ConsoleApi
from nodes import RunningNode

ACCOUNT = "828282828282"
EXACT = '{"big":9007199254740993,"price":300.0}'


def test_an_event_of_a_function_is_shared(api: Callable[..., ConsoleApi], api_node: RunningNode) -> None:
    shown = api(account=ACCOUNT)
    assert shown.get("/test-events", function="f") == {"events": []}
    shown.post("/test-events", {"function": "f", "name": "first", "event": EXACT})
    for number in range(7):
        event = f'{{"n": {number}}}'
        shown.post("/test-events", {"function": "f", "name": "second", "event": event, "replace": True})
    assert shown.get("/test-events", function="f")["events"] == [
        {"name": "first", "event": EXACT},
        {"name": "second", "event": '{"n":6}'},
    ]
    with pytest.raises(ApiError) as error:
        shown.post("/test-events", {"function": "f", "name": "first", "event": "{}"})
    assert (error.value.status, error.value.code) == (409, "ConflictException")
    schemas = api_node.client("schemas", account=ACCOUNT)
    named = {"RegistryName": "lambda-testevent-schemas", "SchemaName": "_f-schema"}
    examples = json.loads(schemas.describe_schema(**named)["Content"])["components"]["examples"]
    assert examples["second"] == {"value": {"n": 6}, "x-metadata": {"invocationType": "RequestResponse"}}
    assert len(schemas.list_schema_versions(**named)["SchemaVersions"]) == 5


def test_an_event_of_a_rule_must_be_one_event(api: Callable[..., ConsoleApi]) -> None:
    shown = api(account=ACCOUNT)
    owner = {"rule": "r", "bus": "orders"}
    event = '{"source":"s","detail-type":"t","detail":{"n":1}}'
    shown.post("/test-events", {**owner, "name": "one", "event": event})
    assert shown.get("/test-events", **owner) == {"events": [{"name": "one", "event": event}]}
    assert shown.get("/test-events", rule="r") == {"events": []}
    for broken in ("{", "5", f"[{event},{event}]"):
        with pytest.raises(ApiError) as error:
            shown.post("/test-events", {**owner, "name": "two", "event": broken})
        assert error.value.status == 400
    for wrong in ({}, {"rule": "r", "function": "f"}):
        with pytest.raises(ApiError) as error:
            shown.get("/test-events", **wrong)
        assert error.value.code == "ValidationException"


@pytest.mark.parametrize("components", ["[]", '{"examples": 5}'])
def test_a_schema_of_another_kind_is_no_failure_of_the_node(
    api: Callable[..., ConsoleApi], api_node: RunningNode, components: str
) -> None:
    account = "828282828283" if components == "[]" else "828282828284"
    schemas, shown = api_node.client("schemas", account=account), api(account=account)
    schemas.create_registry(RegistryName="lambda-testevent-schemas")
    about = '"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "paths": {}'
    schemas.create_schema(
        RegistryName="lambda-testevent-schemas",
        SchemaName="_f-schema",
        Type="OpenApi3",
        Content=f'{{{about}, "components": {components}}}',
    )
    with pytest.raises(ApiError) as error:
        shown.get("/test-events", function="f")
    assert error.value.status == 409
