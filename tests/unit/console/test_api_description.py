"""The routes of the API, how a request finds one, and the description that is made of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nightbus.aws.errors import AwsError
from nightbus.console.api.application import Api
from nightbus.console.api.live_topics import TOPICS
from nightbus.console.api.modules import TABLES
from nightbus.console.api.openapi import describe
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Router, converted
from nightbus.console.api.values import Answer, Body, Done, Query


def described() -> Any:
    return msgspec.json.decode(msgspec.json.encode(describe(Router(TABLES).routes, "/_nightbus/api")))


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(inner) for inner in value.values()))
    return set().union(*(references(inner) for inner in value)) if isinstance(value, list) else set()


def test_the_description_is_valid() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    Api()  # its own routes fit as well
    assert [str(one) for one in OpenAPIV31SpecValidator(described()).iter_errors()] == []


def test_every_operation_is_described() -> None:
    document = described()
    operations = [(path, way, one) for path, ways in document["paths"].items() for way, one in ways.items()]
    assert len(operations) >= 15
    for path, way, one in operations:
        assert one["summary"].endswith("."), (path, way)
        assert {parameter["name"] for parameter in one["parameters"]} >= {"account", "region"}
    ids = [one["operationId"] for _, _, one in operations]
    assert len(set(ids)) == len(ids)
    schemas = document["components"]["schemas"]
    assert {name.rpartition("/")[2] for name in references(document)} <= set(schemas)


def test_the_page_about_the_api_names_every_path_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    named = set(re.findall(r"`((?:GET|POST|DELETE) /[a-z{}/-]*)`", page.partition("## Live data")[0]))
    routes = Router(TABLES).routes
    assert named == {f"{route.method} {route.path}" for route in routes}
    topics = set(re.findall(r"^\| `([a-z]+)` \|", page.partition("## Live data")[2], re.MULTILINE))
    assert topics == set(TOPICS)


class Thing(Answer, frozen=True):
    name: str


class ThingQuery(Query, frozen=True):
    limit: int = 1


class ThingBody(Body, frozen=True):
    size: int


async def read_thing(request: ApiRequest, name: str) -> Thing:
    """Read a thing."""
    return Thing(name=name)


async def count_things(request: ApiRequest, query: ThingQuery) -> Done:
    """Count things."""
    return Done()


async def make_thing(request: ApiRequest, name: str, body: ThingBody) -> Thing:
    """Make a thing."""
    return Thing(name=name)


ROUTES: Any = {
    "GET /things/{name}": read_thing,
    "GET /things/count": count_things,
    "POST /things/{name}": make_thing,
}


@pytest.mark.parametrize(
    ("method", "path", "handler", "named"),
    [
        ("GET", "/things/a", read_thing, {"name": "a"}),
        ("HEAD", "/things/a", read_thing, {"name": "a"}),
        ("GET", "/things/count", count_things, {}),
        ("POST", "/things/count", make_thing, {"name": "count"}),
        ("GET", "/things/a%2Fb%20c", read_thing, {"name": "a/b c"}),
        ("GET", "/things/%FF", read_thing, {"name": "\ufffd"}),
        ("GET", "/things/a/", read_thing, {"name": "a"}),
    ],
)
def test_a_request_finds_its_handler(method: str, path: str, handler: Any, named: dict[str, str]) -> None:
    route, found = Router([ROUTES]).find(method, path)
    assert (route.handler, found) == (handler, named)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "", 404), ("GET", "/things", 404), ("GET", "/things//", 404),
     ("PUT", "/things/a", 405), ("DELETE", "/things/count", 405), ("GET", "/things/a/b", 404)],
)  # fmt: skip
def test_another_path_is_not_there(method: str, path: str, status: int) -> None:
    with pytest.raises(AwsError) as refused:
        Router([ROUTES]).find(method, path)
    assert refused.value.status == status


def test_a_handler_must_name_the_parameters_of_its_path() -> None:
    with pytest.raises(TypeError, match="things"):
        Router([{"GET /things/{id}": read_thing}])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": "x"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"limit": "9" * 5_000}, "limit"),
        ({"other": "1"}, "other"),
    ],
)
def test_what_is_wrong_with_a_query_is_told(given: dict[str, str], message: str) -> None:
    assert converted({"limit": "7"}, ThingQuery, strict=False).limit == 7
    with pytest.raises(AwsError, match=message):
        converted(given, ThingQuery, strict=False)
