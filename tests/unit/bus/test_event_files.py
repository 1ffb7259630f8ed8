"""Events in files: what an envelope becomes, and what is said of an entry that PutEvents would not take."""

from __future__ import annotations

import json

import pytest

from nightbus.bus.event_files import NoEvent, check_one, read_entries


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


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            '{"detail": {}}',
            "it has no Source (of an envelope: source) and no DetailType (of an envelope: detail-type)",
        ),
        ('{"source": "s", "detail": {}}', "it has no DetailType"),
        ('{"source": "", "detail-type": "t"}', "it has no Source"),
        ('{"Source": "s", "DetailType": "t"}', "it has no Detail (of an envelope: detail)"),
        ('{"Source": "s", "DetailType": "t", "Detail": "no JSON"}', "Detail is not JSON"),
        ('{"Source": "s", "DetailType": "t", "Detail": "[1]"}', "the detail must be a JSON object"),
        ('{"source": "s", "detail-type": "t", "detail": 1}', "the detail must be a JSON object"),
        ('{"source": 1, "detail-type": "t"}', "Source must be a string"),
        ('{"source": "aws.s3", "detail-type": "t"}', "those of AWS services"),
        (json.dumps({"source": "s", "detail-type": "t" * 129}), "more than 128 characters"),
        ("[{}, {}]", "it has several events"),
    ],
)
def test_what_no_bus_takes_is_refused_with_what_is_missing(text: str, why: str) -> None:
    with pytest.raises(NoEvent) as refused:
        check_one(read_entries(text))
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ['{"source": "s", "detail-type": "t"}', '{"Source": "s", "DetailType": "t", "Detail": "{\\"n\\": 1}"}'],
)
def test_what_a_bus_takes_is_kept(text: str) -> None:
    check_one(read_entries(text))
