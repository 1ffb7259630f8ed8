"""A body that is read and checked in one go gives what the slower parts give, and nothing that they refuse."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.gateway.checked_json import read_checked
from nightbus.gateway.models import OperationModel, Shape, load_service
from nightbus.gateway.protocols.jsonbody import parse_body
from nightbus.gateway.validation import validate

OPERATIONS = [
    load_service(service).operations[name]
    for service, names in {
        "events": ("PutEvents", "PutRule", "PutTargets", "ListRules", "CreateArchive", "TagResource"),
        "sqs": ("SendMessageBatch", "ReceiveMessage", "CreateQueue", "SetQueueAttributes"),
        "logs": ("PutLogEvents", "FilterLogEvents", "CreateLogGroup"),
    }.items()
    for name in names
]
TEXTS = st.text(max_size=12) | st.sampled_from(["", "ok", "a.b", "default", "x" * 300, "\ud800", "true"])
NUMBERS = st.integers(-5, 20_000) | st.sampled_from([1.0, 0.5, 2**70])
WRONG: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | NUMBERS | TEXTS | st.just([]) | st.just({}) | st.just([None])
)


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Mostly of the shape's types, not always within its limits, now and then something else altogether."""
    return st.one_of(of_shape(shape, depth), of_shape(shape, depth), of_shape(shape, depth), WRONG)


def of_shape(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    if depth > 5:
        return WRONG
    match shape.type:
        case "structure":
            named = {name: values(member, depth + 1) for name, member in shape.members.items()}
            return st.fixed_dictionaries(
                {name: named[name] for name in shape.required},
                optional={name: one for name, one in named.items() if name not in shape.required}
                | {"Unknown": WRONG},
            )
        case "list":
            return st.lists(values(shape.element, depth + 1), max_size=3)
        case "map":
            return st.dictionaries(TEXTS, values(shape.value, depth + 1), max_size=3)
        case "string":
            return st.sampled_from(shape.traits["enum"]) if "enum" in shape.traits else TEXTS
        case "boolean":
            return st.booleans()
    return NUMBERS


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def slowly(operation: OperationModel, body: bytes) -> Any:
    assert operation.input is not None
    params = parse_body(operation.input, orjson.loads(body))
    validate(operation, params)
    return params


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_what_is_read_quickly_is_what_is_read_slowly(operation: OperationModel) -> None:
    assert operation.input is not None

    @settings(max_examples=150)
    @given(of_shape(operation.input, 0))
    def compare(value: Any) -> None:
        body = dumped(value)
        quick = read_checked(operation.input, body)  # type: ignore[arg-type]
        if quick is not None:
            assert quick == slowly(operation, body)

    compare()


def test_plain_requests_take_the_quick_way() -> None:
    operation = load_service("events").operations["PutEvents"]
    assert operation.input is not None
    entry = {"Source": "a", "DetailType": "b", "Detail": "{}", "EventBusName": "bus", "Resources": ["r"]}
    assert read_checked(operation.input, dumped({"Entries": [entry]})) == {"Entries": [entry]}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"Entries": []} x', b'{"Entries": null}', b'{"Entries": [{"Time": 1}]}'],
)
def test_anything_else_is_left_to_the_slower_parts(body: bytes) -> None:
    operation = load_service("events").operations["PutEvents"]
    assert operation.input is not None
    assert read_checked(operation.input, body) is None


def test_a_rule_of_the_model_is_kept() -> None:
    operation = load_service("events").operations["ListRules"]
    body = b'{"Limit": 0}'
    assert operation.input is not None
    assert read_checked(operation.input, body) is None
    with pytest.raises(AwsError, match="at 'limit'"):
        slowly(operation, body)
