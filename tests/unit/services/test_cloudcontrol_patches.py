"""JSON patches, by the examples of RFC 6902's appendix and by what does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.services.cloudcontrol.patches import BadPatch, patched


def op(name: str, path: str, *value: Any, source: str = "") -> dict[str, Any]:
    return {
        "op": name,
        "path": path,
        **({"value": value[0]} if value else {}),
        **({"from": source} if source else {}),
    }


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [
        ({"foo": "bar"}, op("add", "/baz", "qux"), {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, op("add", "/foo/1", "qux"), {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, op("add", "/foo/-", ["abc"]), {"foo": ["bar", ["abc"]]}),
        ({"baz": "qux", "foo": "bar"}, op("remove", "/baz"), {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, op("remove", "/foo/1"), {"foo": ["bar", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, op("replace", "/baz", "boo"), {"baz": "boo", "foo": "bar"}),
        ({"a": {"b": 1}, "c": {}}, op("move", "/c/d", source="/a/b"), {"a": {}, "c": {"d": 1}}),
        (
            {"foo": ["all", "grass", "eat"]},
            op("move", "/foo/2", source="/foo/1"),
            {"foo": ["all", "eat", "grass"]},
        ),
        ({"a": [1]}, op("copy", "/b", source="/a"), {"a": [1], "b": [1]}),
        ({"/": 9, "~1": 10}, op("test", "/~01", 10), {"/": 9, "~1": 10}),
        ({"foo": "bar"}, op("replace", "", {"a": 1}), {"a": 1}),
    ],
)
def test_operations(document: Any, operation: dict[str, Any], result: Any) -> None:
    assert patched(document, [operation]) == result


@pytest.mark.parametrize(
    "operations",
    [
        {},
        ["add"],
        [{"op": "add", "path": "/a"}],
        [op("add", "/none/a", 1)],
        [op("add", "/list/9", 1)],
        [op("add", "/list/01", 1)],
        [op("add", "a", 1)],
        [op("remove", "/none")],
        [op("replace", "/none", 1)],
        [op("test", "/a", 2)],
        [op("move", "/a/b", source="/a")],
        [op("turn", "/a")],
        [op("remove", "/list/-")],
    ],
)
def test_what_does_not_fit(operations: Any) -> None:
    document = {"a": 1, "list": [1]}
    with pytest.raises(BadPatch):
        patched(document, operations)
    assert document == {"a": 1, "list": [1]}
