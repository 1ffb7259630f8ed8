"""Events in files: what an envelope becomes, and what is said of an entry that PutEvents would not take."""

from __future__ import annotations

import json

import pytest

from nightbus.bus.event_files import NoEvent, read_entries


def test_an_envelope_becomes_an_entry() -> None:
    (entry,) = read_entries('{"source": "s", "detail-type": "t", "detail": {"n": 1}}', "orders")
    assert entry == {"EventBusName": "orders", "Source": "s", "DetailType": "t", "Detail": '{"n":1}'}


@pytest.mark.parametrize(
    ("member", "value", "why"),
    [
        ("Detail", {"n": 1}, "Detail of an entry must be a string, which holds the JSON object"),
        ("Detail", None, "Detail of an entry must be a string, which holds the JSON object"),
        ("Source", 1, "Source of an entry must be a string"),
        ("DetailType", ["t"], "DetailType of an entry must be a string"),
        ("EventBusName", {}, "EventBusName of an entry must be a string"),
    ],
)
def test_an_entry_with_a_value_of_another_kind_is_refused_by_name(
    member: str, value: object, why: str
) -> None:
    entry = {"Source": "s", "DetailType": "t", "Detail": "{}", member: value}
    with pytest.raises(NoEvent) as refused:
        read_entries(json.dumps([entry]))
    assert str(refused.value) == why


def test_a_detail_that_is_a_string_is_left_to_put_events() -> None:
    assert read_entries('{"Source": "s", "DetailType": "t", "Detail": "no JSON"}')[0]["Detail"] == "no JSON"
