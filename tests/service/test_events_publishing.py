"""EventBridge by boto3: events put, refused, matched and delivered."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from botocore.config import Config

from aws_refusals import code_and_status, refusal
from events_rig import GOOD, Listener, admit, put
from nightbus.bus.json_text import RECURSION
from recorded_patterns import message_of, recorded
from recursion import recursion_limit

Client = Callable[..., Any]
ACCOUNT = "000000000000"


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def source() -> str:
    """A source that no other test has."""
    return f"shop-{uuid4().hex[:8]}"


def test_an_event_arrives_as_aws_would_shape_it(client: Client, events: Any, source: str) -> None:
    listener = Listener(client, {"source": [source], "detail": {"n": [1]}})
    entry = {
        **GOOD,
        "Source": source,
        "Time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "Resources": ["arn:aws:s3:::b"],
    }
    other = {**entry, "Detail": '{"n": 2}'}
    taken, _ = put(events, entry, other)
    UUID(taken["EventId"])
    assert listener.heard(1) == [
        {
            "version": "0",
            "id": taken["EventId"],
            "detail-type": "order",
            "source": source,
            "account": ACCOUNT,
            "time": "2026-01-02T03:04:05Z",
            "region": "us-east-1",
            "resources": ["arn:aws:s3:::b"],
            "detail": {"n": 1},
        }
    ]


@pytest.mark.parametrize("count", [0, 11])
def test_a_call_has_one_to_ten_entries(client: Client, count: int) -> None:
    unchecked = client("events", config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))
    refused = code_and_status(unchecked.put_events, Entries=[GOOD] * count)
    assert refused == ("ValidationException", 400)


def test_ten_entries_get_ids_of_their_own(client: Client, events: Any, source: str) -> None:
    listener = Listener(client, {"source": [source]})
    entries = [{**GOOD, "Source": source, "Detail": json.dumps({"n": at})} for at in range(10)]
    ids = [result["EventId"] for result in put(events, *entries)]
    arrived = {one["detail"]["n"]: one["id"] for one in listener.heard(10)}
    assert [arrived[at] for at in range(10)] == ids
    assert len(set(ids)) == 10


BROKEN = [
    ({"Source": None}, "InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."),
    ({"DetailType": None}, "InvalidArgument",
     "Parameter DetailType is not valid. Reason: DetailType is a required argument."),
    ({"Detail": None}, "InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument."),
    ({"Source": ""}, "InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."),
    ({"DetailType": "x" * 129}, "InvalidArgument",
     "Parameter DetailType is not valid. Reason: DetailType must not exceed 128 characters."),
    ({"Source": "aws.s3"}, "NotAuthorizedForSourceException",
     "Not authorized for the source: aws.s3. Source prefix 'aws.' is reserved for AWS services."),
    ({"Detail": "{"}, "MalformedDetail", "Detail is malformed."),
    ({"Detail": "[1]"}, "MalformedDetail", "Detail is malformed."),
    ({"Detail": '"text"'}, "MalformedDetail", "Detail is malformed."),
    ({"Detail": '{"n": NaN}'}, "MalformedDetail", "Detail is malformed."),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "message"), BROKEN)
def test_a_bad_entry_fails_alone_in_its_place(
    client: Client, events: Any, source: str, change: dict[str, Any], code: str, message: str
) -> None:
    listener = Listener(client, {"source": [{"exists": True}], "resources": [source]})
    good = {**GOOD, "Resources": [source]}
    bad = {name: value for name, value in {**good, **change}.items() if value is not None}
    reply = events.put_events(Entries=[good, bad, good])
    first, failed, last = reply["Entries"]
    assert reply["FailedEntryCount"] == 1
    assert failed == {"ErrorCode": code, "ErrorMessage": message}
    assert {one["id"] for one in listener.heard(2)} == {first["EventId"], last["EventId"]}


def test_a_call_over_one_megabyte_is_refused_whole(client: Client, events: Any, source: str) -> None:
    def entry(size: int) -> dict[str, Any]:
        fixed = len(source) + len("order") + len('{"s":""}')
        return {"Source": source, "DetailType": "order", "Detail": json.dumps(
            {"s": "x" * (size - fixed)}, separators=(",", ":"))}  # fmt: skip

    listener = Listener(client, {"source": [source]})
    half = 512 * 1024
    refused = code_and_status(events.put_events, Entries=[entry(half), entry(half + 1)])
    assert refused == ("ValidationException", 400)
    # A log event holds 256 KB at the most, so the target gets a part.
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{listener.group}"
    template = '{"timestamp": <time>, "message": "\\"<source>\\""}'
    part = {"InputPathsMap": {"source": "$.source", "time": "$.time"}, "InputTemplate": template}
    events.put_targets(Rule=listener.name, Targets=[{"Id": "log", "Arn": arn, "InputTransformer": part}])
    put(events, entry(half), entry(half))
    assert listener.heard(2) == [source, source]


def test_a_custom_bus_by_name_and_by_arn_and_no_other(client: Client, events: Any, source: str) -> None:
    bus = f"bus-{uuid4().hex[:8]}"
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    custom = Listener(client, {"source": [source]}, bus=bus)
    default = Listener(client, {"source": [source]})
    named = {**GOOD, "Source": source}
    ids = [
        result["EventId"]
        for result in put(events, {**named, "EventBusName": bus}, {**named, "EventBusName": arn}, named)
    ]
    assert {one["id"] for one in custom.heard(2)} == set(ids[:2])
    assert [one["id"] for one in default.heard(1)] == ids[2:]
    assert len(custom.heard(2)) == 2


@pytest.mark.parametrize("bus", ["nowhere", f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/nowhere"])
def test_a_bus_that_is_not_there_takes_events_as_on_aws(events: Any, bus: str) -> None:
    (taken,) = put(events, {**GOOD, "EventBusName": bus})
    UUID(taken["EventId"])


@pytest.mark.parametrize("bus", ["arn:aws:events:::", "arn:aws:s3:::event-bus/x", "arn::events:a:b:"])
def test_a_bus_name_that_is_no_buss_never_breaks_the_node(events: Any, bus: str) -> None:
    put(events, GOOD)
    try:
        events.put_events(Entries=[{**GOOD, "EventBusName": bus}])
    except events.exceptions.ClientError as refused:
        assert refused.response["Error"]["Code"] == "ValidationException"


def test_accounts_and_regions_are_apart(client: Client, source: str) -> None:
    here = Listener(client, {"source": [source]})
    places: list[dict[str, str]] = [
        {"account": "300000000001", "region": "us-east-1"},
        {"account": ACCOUNT, "region": "eu-west-1"},
    ]
    for place in places:
        there = Listener(client, {"source": [source]}, **place)
        (taken,) = put(client("events", **place), {**GOOD, "Source": source})
        (heard,) = there.heard(1)
        assert (heard["id"], heard["account"], heard["region"]) == (
            taken["EventId"], place["account"], place["region"],
        )  # fmt: skip
    (mine,) = put(client("events"), {**GOOD, "Source": source})
    assert [one["id"] for one in here.heard(1)] == [mine["EventId"]]


def test_another_accounts_bus_by_arn_gets_the_senders_account(client: Client, source: str) -> None:
    theirs = Listener(client, {"account": [ACCOUNT], "source": [source]}, account="300000000002")
    arn = "arn:aws:events:us-east-1:300000000002:event-bus/default"
    admit(client, "300000000002")
    (taken,) = put(client("events"), {**GOOD, "Source": source, "EventBusName": arn})
    assert [one["id"] for one in theirs.heard(1)] == [taken["EventId"]]


def test_a_rule_hands_events_on_to_another_accounts_bus(client: Client, events: Any, source: str) -> None:
    theirs = Listener(client, {"source": [source]}, account="300000000003", region="eu-west-1")
    arn = "arn:aws:events:eu-west-1:300000000003:event-bus/default"
    admit(client, "300000000003", region="eu-west-1")
    rule = f"on-{uuid4().hex[:8]}"
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "bus", "Arn": arn}])
    put(events, {**GOOD, "Source": source, "Time": datetime(2026, 1, 2, tzinfo=UTC)})
    (heard,) = theirs.heard(1)
    assert (heard["account"], heard["region"]) == (ACCOUNT, "us-east-1")  # those of the sender
    assert (heard["time"], heard["detail"]) == ("2026-01-02T00:00:00Z", {"n": 1})


def test_a_disabled_rule_hears_nothing_until_it_is_enabled(client: Client, events: Any, source: str) -> None:
    listener = Listener(client, {"source": [source]})
    control = Listener(client, {"source": [source]})
    events.disable_rule(Name=listener.name)
    put(events, {**GOOD, "Source": source, "Detail": '{"n": "disabled"}'})
    control.heard(1)
    events.enable_rule(Name=listener.name)
    put(events, {**GOOD, "Source": source, "Detail": '{"n": "enabled"}'})
    assert [one["detail"]["n"] for one in listener.heard(1)] == ["enabled"]


def test_text_beyond_ascii_and_half_characters_arrive(client: Client, events: Any, source: str) -> None:
    listener = Listener(client, {"source": [source]})
    put(events, {**GOOD, "Source": source, "Detail": '{"a": "é€😀", "half": "\\ud83d"}'})
    (heard,) = listener.heard(1)
    assert heard["detail"] == {"a": "é€😀", "half": "\ud83d"}


EVENT = {
    "id": "1",
    "account": ACCOUNT,
    "source": "shop",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail-type": "order",
    "detail": {"n": 5},
}


@pytest.mark.parametrize(
    ("pattern", "result"),
    [
        ({"source": ["shop"]}, True),
        ({"source": ["other"]}, False),
        ({"detail": {"n": [{"numeric": [">", 4]}]}}, True),
        ({"detail": {"m": [{"exists": False}]}}, True),
    ],
)
def test_a_pattern_is_tested(events: Any, pattern: Any, result: bool) -> None:
    reply = events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(EVENT))
    assert reply["Result"] is result


@pytest.mark.parametrize("case", recorded(), ids=lambda case: str(case["name"]))
def test_a_recorded_pattern_is_tested(events: Any, case: dict[str, Any]) -> None:
    given = {"EventPattern": case["pattern"], "Event": json.dumps(case["event"])}
    if case["expect"] == "error":
        answer = refusal(events.test_event_pattern, **given)
        assert answer == (case["error"]["code"], 400, message_of(case))
    else:
        assert events.test_event_pattern(**given)["Result"] is (case["expect"] == "match")


def test_a_pattern_or_an_event_that_is_none_is_not_tested(events: Any) -> None:
    test = events.test_event_pattern
    refused = code_and_status(test, EventPattern='{"source": "a"}', Event=json.dumps(EVENT))
    assert refused == ("InvalidEventPatternException", 400)
    for name in ("id", "account", "source", "time", "region", "detail-type"):
        lacking = json.dumps({key: value for key, value in EVENT.items() if key != name})
        refused = code_and_status(test, EventPattern='{"source": ["a"]}', Event=lacking)
        assert refused == ("ValidationException", 400), name
    for text in ("{", "[]"):
        refused = code_and_status(test, EventPattern='{"source": ["a"]}', Event=text)
        assert refused == ("ValidationException", 400)


def test_a_detail_of_a_thousand_levels(client: Client, events: Any, source: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
    with recursion_limit(RECURSION):
        for pattern in ({"source": [source]}, {"source": [source], "detail": {"b": [{"exists": False}]}}):
            listener = Listener(client, pattern)
            sent = []
            for levels in (255, 513, 1_000):
                detail: Any = levels
                for _ in range(levels):
                    detail = {"a": detail}
                sent.append(detail)
                put(events, {**GOOD, "Source": source, "Detail": json.dumps(detail)})
            assert [one["detail"] for one in listener.heard(3)] == sent
    (refused,) = events.put_events(
        Entries=[{**GOOD, "Source": source, "Detail": '{"a":' * 1_001 + "1" + "}" * 1_001}]
    )["Entries"]
    assert refused["ErrorCode"] == "MalformedDetail"
