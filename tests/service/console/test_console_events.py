"""Events by the API: the list and its filters, an event with its rules, patterns, publishing, replaying, archives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api_requests import Caller, as_operator
from nodes import RunningNode
from waiting import wait_for

ACCOUNT = "000000000000"


@pytest.fixture
def api(api_node: RunningNode) -> Caller:
    return as_operator(api_node)


@pytest.fixture
def client(api_node: RunningNode) -> Callable[..., Any]:
    return api_node.client


@pytest.fixture
def bus(client: Callable[..., Any]) -> str:
    name = f"shop-{uuid4().hex[:8]}"
    client("events").create_event_bus(Name=name)
    return name


def put(
    client: Callable[..., Any], bus: str, *details: Any, source: str = "shop", kind: str = "Order"
) -> list[str]:
    entries = [
        {"EventBusName": bus, "Source": source, "DetailType": kind, "Detail": json.dumps(one)}
        for one in details
    ]
    return [one["EventId"] for one in client("events").put_events(Entries=entries)["Entries"]]


def queue(client: Callable[..., Any], name: str) -> str:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
        ]
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return arn


def rule(client: Callable[..., Any], bus: str, name: str, pattern: Any, target: str = "") -> None:
    events = client("events")
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    if target:
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "t", "Arn": target}])


def test_events_come_newest_first_and_page_by_page(api: Caller, client: Callable[..., Any], bus: str) -> None:
    ids = [
        one for number in range(3) for one in put(client, bus, *({"n": 10 * number + n} for n in range(10)))
    ]
    seen, token, pages = [], "", 0
    while token is not None:
        page = api.get("/events", bus=bus, limit=7, next=token)
        assert len(page["events"]) <= 7
        seen += [one["id"] for one in page["events"]]
        token, pages = page["next"], pages + 1
    assert seen == ids[::-1]
    assert pages in (5, 6)
    first = api.get("/events", bus=bus, limit=1)["events"][0]
    assert first | {"time": 0} == {
        "id": ids[-1],
        "time": 0,
        "bus": bus,
        "source": "shop",
        "detail_type": "Order",
        "account": ACCOUNT,
        "region": "us-east-1",
        "rules": [],
        "state": "unmatched",
        "deliveries": [],
        "preview": '{"n":29}',
    }


def test_filters_choose_events(api: Caller, client: Callable[..., Any], bus: str) -> None:
    (one,) = put(client, bus, {"state": "paid", "who": 'Ada "L" Ü'})
    (two,) = put(client, bus, {"state": "open"}, source="stock", kind="Stock Low")

    def ids(**query: Any) -> list[str]:
        return [row["id"] for row in api.get("/events", bus=bus, **query)["events"]]

    assert ids() == [two, one]
    assert ids(source="shop") == [one]
    assert ids(source="st*k") == [two]
    assert ids(source="sho") == []
    assert ids(detail_type="Stock Low") == [two]
    assert ids(text="PAID") == [one]
    assert ids(text='ada "l" ü') == [one]
    assert ids(pattern='{"detail": {"state": ["open"]}}') == [two]
    moment = api.get("/events", bus=bus)["events"][0]["time"]
    assert ids(before=moment + 1) == [two, one]
    assert ids(before=1) == []
    assert ids(after=moment + 1) == []


def test_an_event_says_what_became_of_it(api: Caller, client: Callable[..., Any], bus: str) -> None:
    rule(client, bus, "inline", {"detail": {"to": ["queue"]}}, queue(client, f"q-{bus}"))
    rule(
        client, bus, "broken", {"detail": {"to": ["nowhere"]}}, f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone-{bus}"
    )
    put(client, bus, {"to": "queue"}, {"to": "nowhere"}, {"to": "nobody"})

    def states() -> dict[str, Any]:
        rows = api.get("/events", bus=bus)["events"]
        return {json.loads(one["preview"])["to"]: (one["state"], one["rules"]) for one in rows}

    wait_for(lambda: states()["nowhere"][0] == "failed")
    assert states() == {
        "queue": ("delivered", ["inline"]),
        "nowhere": ("failed", ["broken"]),
        "nobody": ("unmatched", []),
    }
    for state in ("delivered", "failed", "unmatched", "waiting"):
        rows = api.get("/events", bus=bus, state=state)["events"]
        assert [one["state"] for one in rows] == [state] * (state != "waiting")
        queued = [one["rule"] for row in rows for one in row["deliveries"] if one["state"] == state]
        assert queued == ["broken"] * (state == "failed")


def test_an_event_is_compared_with_each_rule(api: Caller, client: Callable[..., Any], bus: str) -> None:
    rule(client, bus, "paid", {"source": ["shop"], "detail": {"state": ["paid"]}}, queue(client, f"q-{bus}"))
    rule(client, bus, "typo", {"source": ["shop"], "detail": {"state": ["payed"], "lines": {"sku": ["A"]}}})
    (event_id,) = put(
        client, bus, {"state": "paid", "lines": [{"sku": "B"}, {"sku": "A"}], "n": 12345678901234567890123}
    )
    answer = api.get(f"/events/{event_id}")
    assert answer["event"]["detail"]["n"] == 12345678901234567890123
    paid, typo = answer["rules"]
    assert (paid["rule"], paid["matched"], paid["near"]) == ("paid", True, 1.0)
    assert paid["deliveries"][0]["outcome"] == "delivered"
    assert (typo["rule"], typo["matched"], typo["path"]) == ("typo", False, "detail.state")
    assert typo["near"] == pytest.approx(2 / 3)
    assert typo["pattern"]["detail"]["state"] == ["payed"]
    assert [(one["pattern_pointer"], one["event_pointer"], one["verdict"]) for one in typo["fields"]] == [
        ("/source", "/source", "matched"),
        ("/detail/state", "/detail/state", "missed"),
        ("/detail/lines/sku", "/detail/lines/1/sku", "matched"),
    ]
    assert typo["fields"][1]["why"] == typo["hint"]
    only = api.get(f"/events/{event_id}", rule="typo")
    assert [one["rule"] for one in only["rules"]] == ["typo"]
    tree = api.get(f"/events/{event_id}/trace")
    assert tree["rules"][0]["rule"] == "paid"
    assert api.send("GET", "/_nightbus/api/events/no-such-event").status in (400, 404)


def test_a_pattern_is_tried_as_it_is_typed(api: Caller) -> None:
    event = '{"source": "shop", "detail": {"total": 12, "tags": []}}'
    good = api.post(
        "/patterns/test", {"event": event, "pattern": '{"detail": {"total": [{"numeric": [">", 10]}]}}'}
    )
    assert (good["valid"], good["matched"], good["error"]) == (True, True, None)
    bad = api.post("/patterns/test", {"event": event, "pattern": {"detail": {"total": [1], "no": ["x"]}}})
    assert (bad["matched"], [one["verdict"] for one in bad["fields"]]) == (False, ["missed", "absent"])
    either = {"$or": [{"source": ["shop"]}, {"detail": {"total": [1]}}]}
    marked = api.post("/patterns/test", {"event": event, "pattern": either})
    assert marked["matched"]
    assert [(one["pattern_pointer"], one["verdict"], one["in_or"]) for one in marked["fields"]] == [
        ("/$or/0/source", "matched", True),
        ("/$or/1/detail/total", "missed", True),
    ]
    for given, of in (
        ({"event": event, "pattern": '{"source": ["a",]}'}, "pattern"),
        ({"event": event, "pattern": '{"source": "a"}'}, "pattern"),
        ({"event": event, "pattern": "[1]"}, "pattern"),
        ({"event": event, "pattern": '{"source": ["a"]} and more'}, "pattern"),
        ({"event": '{"source": ', "pattern": '{"source": ["a"]}'}, "event"),
        ({"event": "[]", "pattern": '{"source": ["a"]}'}, "event"),
        ({"event": 1, "pattern": '{"source": ["a"]}'}, "event"),
    ):
        answer = api.post("/patterns/test", given)
        assert (answer["valid"], answer["error"]["of"]) == (False, of), given
        assert answer["error"]["message"]


def test_an_event_is_put_as_it_was_typed(api: Caller, client: Callable[..., Any], bus: str) -> None:
    body = {
        "bus": bus,
        "source": "shop",
        "detail_type": "Order",
        "detail": '{"n": 12345678901234567890123}',
        "time": 1,
    }
    put_one = api.post("/events", body)
    row = api.get("/events", bus=bus)["events"][0]
    assert (row["id"], row["preview"]) == (put_one["id"], '{"n":12345678901234567890123}')
    assert api.get(f"/events/{put_one['id']}")["event"]["time"] == "1970-01-01T00:00:00Z"
    api.post("/events", {**body, "detail": {"as": "an object"}})
    refused = api.send("POST", "/_nightbus/api/events", {**body, "detail": "no JSON"})
    assert (refused.status, refused.json["error"]) == (400, "MalformedDetail")
    assert api.send("POST", "/_nightbus/api/events", {**body, "time": 10**16}).status == 400
    refused = api.send("POST", "/_nightbus/api/events", {**body, "source": "aws.s3"})
    assert (refused.status, refused.json["error"]) == (400, "NotAuthorizedForSourceException")
    assert api.get("/events", bus=bus)["events"][0]["source"] == "shop"


def test_an_event_is_put_again_for_one_rule(api: Caller, client: Callable[..., Any], bus: str) -> None:
    (event_id,) = put(client, bus, {"state": "paid"})
    arn = queue(client, f"q-{bus}")
    rule(client, bus, "late", {"detail": {"state": ["paid"]}}, arn)
    rule(client, bus, "other", {"detail": {"state": ["paid"]}}, arn)
    rule(client, bus, "none", {"detail": {"state": ["open"]}}, arn)
    answer = api.post("/events/replay", {"ids": [event_id, "gone"], "rule": "late"})
    assert [(one["id"], one["replayed"], one["rules"]) for one in answer["events"]] == [
        (event_id, True, ["late"]),
        ("gone", False, []),
    ]
    url = client("sqs").get_queue_url(QueueName=f"q-{bus}")["QueueUrl"]
    got = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(one["Body"])["id"] for one in got] == [event_id]
    assert json.loads(got[0]["Body"])["replay-name"] == answer["name"]
    unmatched = api.post("/events/replay", {"ids": [event_id], "rule": "none"})["events"][0]
    assert (unmatched["replayed"], unmatched["message"]) == (False, "none does not match the event now.")
    everything = api.post("/events/replay", {"ids": [event_id]})["events"][0]
    assert sorted(everything["rules"]) == ["late", "other"]


def test_rules_are_listed_and_changed(api: Caller, client: Callable[..., Any], bus: str) -> None:
    arn = queue(client, f"q-{bus}")
    rule(client, bus, "one", {"source": ["shop"]}, arn)
    client("events").put_rule(
        Name="one", EventBusName=bus, EventPattern='{"source":["shop"]}', Description="mine"
    )
    put(client, bus, {})
    (row,) = api.get("/rules", bus=bus)["rules"]
    assert (row["pattern"], row["description"], row["enabled"], row["matched"]) == (
        {"source": ["shop"]},
        "mine",
        True,
        1,
    )
    assert row["targets"] == [
        {"id": "t", "arn": arn, "input": "", "dead_letter": "", "retries": None, "age": None, "role": ""}
    ]
    api.post("/rules", {"name": "one", "bus": bus, "pattern": {"source": ["stock"]}})
    api.post("/rules/one/disable", {"bus": bus})
    (row,) = api.get("/rules", bus=bus)["rules"]
    assert (row["pattern"], row["description"], row["enabled"], len(row["targets"])) == (
        {"source": ["stock"]}, "mine", False, 1,
    )  # fmt: skip
    api.post("/rules/one/enable", {"bus": bus})
    refused = api.send(
        "POST", "/_nightbus/api/rules", {"name": "one", "bus": bus, "pattern": {"source": "x"}}
    )
    assert (refused.status, refused.json["error"]) == (400, "InvalidEventPatternException")
    names = [one["name"] for one in api.get("/buses")["buses"]]
    assert names[0] == "default"
    assert bus in names
    tokens = api.get("/rules", limit=1)
    assert len(tokens["rules"]) == 1


def test_what_is_changed_is_in_the_trail(api: Caller, client: Callable[..., Any], bus: str) -> None:
    api.post("/rules", {"name": "seen", "bus": bus, "pattern": {"source": ["x"]}})

    def recorded() -> list[Any]:
        found = client("cloudtrail").lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutRule"}]
        )
        records = [json.loads(one["CloudTrailEvent"]) for one in found["Events"]]
        return [one for one in records if one["requestParameters"].get("eventBusName") == bus]

    wait_for(lambda: bool(recorded()))
    (record,) = recorded()
    assert record["userAgent"] == "nightbus-console"
    assert record["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_an_archive_is_replayed(api: Caller, client: Callable[..., Any], bus: str) -> None:
    events = client("events")
    arn = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{bus}"
    events.create_archive(ArchiveName=bus, EventSourceArn=arn)
    put(client, bus, {"n": 1}, {"n": 2})
    (row,) = [one for one in api.get("/archives")["archives"] if one["name"] == bus]
    assert (row["bus"], row["retention"], row["first"] is not None) == (bus, 0, True)
    rule(client, bus, "late", {"source": ["shop"]}, queue(client, f"q-{bus}"))
    now = datetime.now(UTC)
    since, until = (int((now + timedelta(hours=hours)).timestamp() * 1000) for hours in (-1, 1))
    name = api.post(f"/archives/{bus}/replay", {"from": since, "to": until, "rules": ["late"]})["name"]

    def replay() -> Any:
        return next(one for one in api.get("/replays")["replays"] if one["name"] == name)

    wait_for(lambda: replay()["state"] == "COMPLETED")
    assert (replay()["progress"], replay()["rules"], replay()["archive"]) == (1.0, ["late"], bus)
    assert api.send("POST", "/_nightbus/api/archives/gone/replay", {"from": 1, "to": 2}).status == 404
    assert api.send("POST", f"/_nightbus/api/archives/{bus}/replay", {"from": 2, "to": 1}).status == 400


def test_the_link_of_an_event_needs_no_scope(api: Caller, client: Callable[..., Any]) -> None:
    entry = {"Source": "x", "DetailType": "y", "Detail": "{}"}
    reply = client("events", region="eu-west-1", account="111111111111").put_events(Entries=[entry])
    answer = api.get(f"/events/{reply['Entries'][0]['EventId']}")
    assert (answer["account"], answer["region"]) == ("111111111111", "eu-west-1")
    assert {"account": "111111111111", "region": "eu-west-1"} in api.get("/scopes")["scopes"]
    assert time.time() * 1000 - answer["time"] < 60_000
