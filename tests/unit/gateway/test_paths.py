"""Which operation has a path, what its labels are, and what it costs to find out."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from nightbus.gateway.models import load_service
from nightbus.gateway.paths import PathRouter
from nightbus.gateway.request import WireRequest

INVOKE = "/2015-03-31/functions/my-function/invocations"


def found(service: str, method: str, path: str, **query: str) -> tuple[str, dict[str, str]] | None:
    match = PathRouter(load_service(service)).find(WireRequest(method, path, query, {}))
    return None if match is None else (match[0].name, match[1])


@pytest.mark.parametrize(
    ("method", "path", "name", "labels"),
    [
        ("POST", INVOKE, "Invoke", {"FunctionName": "my-function"}),
        ("POST", INVOKE + "/", "Invoke", {"FunctionName": "my-function"}),
        ("POST", INVOKE.replace("my-", "a%3Ab%2F"), "Invoke", {"FunctionName": "a:b/function"}),
        ("GET", "/2015-03-31/functions/", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions", "ListFunctions", {}),
    ],
)
def test_a_path_of_lambda(method: str, path: str, name: str, labels: dict[str, str]) -> None:
    assert found("lambda", method, path) == (name, labels)


@pytest.mark.parametrize(
    "path", [INVOKE + "//", INVOKE + "/x", INVOKE + "\n", INVOKE.replace("my-function", "")]
)
def test_a_path_of_no_operation(path: str) -> None:
    assert found("lambda", "POST", path) is None


@pytest.mark.parametrize("key", ["a", "a/", "a//b", "a\nb", "ä b"])
def test_a_key_of_s3_is_all_that_is_left(key: str) -> None:
    assert found("s3", "GET", f"/bucket/{key}") == ("GetObject", {"Bucket": "bucket", "Key": key})


def test_to_find_an_operation_takes_few_calls() -> None:
    router, request = PathRouter(load_service("lambda")), WireRequest("POST", INVOKE, {}, {})
    router.find(request)  # what is looked up once is known then
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    previous = sys.getprofile()
    sys.setprofile(count)
    try:
        router.find(request)
    finally:
        sys.setprofile(previous)
    assert calls <= 40, "segment by segment it was 86"
