"""Schemas that are derived of events."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from nightbus.services.schemas.inference import draft_4, open_api

EVENT = {
    "version": "0", "id": "1", "detail-type": "Order created", "source": "shop", "account": "1", "region": "r",
    "time": "2026-11-29T10:00:00Z", "resources": [],
    "detail": {"id": 7, "paid": True, "customer": {"name": "Ada"}, "lines": [{"sku": "a"}, {"sku": "b", "n": 2}]},
}  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def test_an_event_of_a_bus_has_its_envelope_and_components_for_its_objects() -> None:
    document = open_api([EVENT])
    schemas = document["components"]["schemas"]
    assert document["info"]["title"] == "OrderCreated"
    assert list(schemas) == ["AWSEvent", "OrderCreated", "Customer", "LinesItem"]
    envelope = schemas["AWSEvent"]
    assert envelope["x-amazon-events-detail-type"] == "Order created"
    assert envelope["x-amazon-events-source"] == "shop"
    assert envelope["properties"]["detail"] == {"$ref": "#/components/schemas/OrderCreated"}
    assert envelope["properties"]["time"] == {"type": "string", "format": "date-time"}
    assert envelope["properties"]["resources"] == {"type": "array", "items": {"type": "object"}}
    assert schemas["OrderCreated"]["properties"]["paid"] == {"type": "boolean"}
    assert schemas["LinesItem"]["required"] == ["sku"]


def test_members_of_several_types_have_none() -> None:
    event = open_api([{"a": 1, "b": None}, {"a": "x", "b": 2}])["components"]["schemas"]["Event"]
    assert event["properties"] == {"a": {}, "b": {"type": "number"}}


def test_components_of_one_name_are_numbered() -> None:
    schemas = open_api([{"x": {"k": {"a": 1}}, "y": {"k": {"b": 1}}}])["components"]["schemas"]
    assert list(schemas) == ["Event", "X", "K", "Y", "K2"]


def test_draft_4_has_the_event_at_its_root() -> None:
    document = draft_4([{"a": {"b": 1}}])
    assert document["$schema"] == "http://json-schema.org/draft-04/schema#"
    assert document["properties"] == {"a": {"$ref": "#/definitions/A"}}
    assert list(document["definitions"]) == ["A"]


@given(st.lists(values, min_size=1, max_size=3))
def test_every_reference_leads_somewhere(events: list[Any]) -> None:
    for document, components in (
        (made := open_api(events), made["components"]["schemas"]),
        (made := draft_4(events), made.get("definitions", {})),
    ):
        text = orjson.dumps(document).decode()
        assert text
        references = set(_references(document))
        assert {one.rpartition("/")[2] for one in references} <= set(components)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [one for inner in value.values() for one in _references(inner)]
    return []
