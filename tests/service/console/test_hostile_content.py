"""What clients of a node may store, and send to the API, without any path of it failing."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from api_requests import as_operator
from live_stream import live
from nodes import RunningNode

API = "/_nightbus/api"
HALF = "\ud800"  # of a surrogate pair: JSON can write it, UTF-8 cannot


@pytest.fixture
def account() -> str:
    return str(uuid4().int)[-12:]


def put(node: RunningNode, account: str, **changed: str) -> str:
    entry = {"Source": "shop", "DetailType": "Order", "Detail": "{}", **changed}
    answer = node.client("events", account=account).put_events(Entries=[entry])["Entries"][0]
    return str(answer["EventId"])


@pytest.mark.parametrize(
    "changed",
    [
        {"Detail": json.dumps({"half": HALF, HALF: 1})},
        {"Detail": f'{{"deep": {"[" * 900}{"]" * 900}}}'},
        {"Detail": f'{{"large": {"9" * 4000}, "double": 1e999}}'},
        {"Source": 'a"b\\c\u2028\u202e<img src=x>', "DetailType": "\x00\x1b[31m"},
    ],
    ids=["detail", "deep", "numbers", "characters"],
)
def test_no_event_keeps_others_from_being_seen(
    api_node: RunningNode, account: str, changed: dict[str, str]
) -> None:
    caller = as_operator(api_node)
    assert caller.get("/map", account=account)["nodes"]  # what comes from now on is counted
    with live(caller, topics="events,traffic", account=account) as stream:
        hostile, plain = put(api_node, account, **changed), put(api_node, account)
        seen = [row["id"] for row in stream.rows("events", 2)]
    assert seen == [hostile, plain]
    for query in ({}, {"text": "shop"}, {"source": "*o*"}, {"pattern": '{"account": [{"exists": true}]}'}):
        rows = caller.get("/events", account=account, **query)["events"]
        assert plain in [row["id"] for row in rows]
    for path in ("/map", "/traffic", "/overview", f"/events/{hostile}", f"/events/{hostile}/trace"):
        caller.get(path, account=account)
    assert caller.post("/events/replay", {"ids": [hostile]}, account=account)["events"][0]["replayed"]


def test_stars_take_no_longer_than_the_text_is(api_node: RunningNode, account: str) -> None:
    put(api_node, account, Source="a" * 200, DetailType="a" * 120)
    caller, began = as_operator(api_node), time.monotonic()
    for member in ("source", "detail_type"):
        assert caller.get("/events", account=account, **{member: "*a" * 100 + "b"})["events"] == []
        assert len(caller.get("/events", account=account, **{member: "*a" * 100 + "*"})["events"]) == 1
        assert caller.get("/events", account=account, **{member: "a?" + "*"})["events"] == []
    assert time.monotonic() - began < 60


def test_a_dead_letter_with_a_number_that_is_none_is_shown(api_node: RunningNode, account: str) -> None:
    sqs = api_node.client("sqs", account=account)
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    said = {"RULE_ARN": "arn:aws:events:us-east-1:1:rule/x", "RETRY_ATTEMPTS": "²"}
    texts = {name: {"DataType": "String", "StringValue": text} for name, text in said.items()}
    sqs.send_message(QueueUrl=url, MessageBody="{}", MessageAttributes=texts)
    shown = as_operator(api_node).get("/queues/dead/messages", account=account)["messages"]
    assert [one["failure"]["by"] for one in shown] == ["rule"]


@pytest.mark.parametrize(
    "path", ["/access/trail", "/stacks", "/events", "/queues", "/functions", "/logs/groups"]
)
def test_a_next_that_no_answer_had_is_no_failure(api_node: RunningNode, path: str) -> None:
    caller = as_operator(api_node)
    for token in ("%C2%B2", "%D9%A3", "-1", "9" * 30, "WzFlOTk5XQ==", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LDEsMV0="):
        assert caller.send("GET", f"{API}{path}?next={token}").status < 500


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/rules", {"name": HALF, "pattern": {"a": ["b"]}}),
        ("/rules", {"name": "x", "bus": HALF, "pattern": {"a": ["b"]}}),
        ("/functions/x/invoke", {"payload": HALF}),
        ("/queues/x/redrive", {"messages": ["1"], "to": HALF}),
        ("/queues/x/messages", {"body": HALF}),
        ("/queues/x/messages", {"body": "x", "attributes": {HALF: {"value": "x"}}}),
        ("/events/replay", {"ids": [HALF]}),
        ("/events", {"source": HALF, "detail_type": "x", "detail": {}}),
        ("/session", {"code": HALF}),
    ],
)
def test_half_a_surrogate_pair_in_a_name_is_refused(
    api_node: RunningNode, path: str, body: dict[str, Any]
) -> None:
    answer = as_operator(api_node).send("POST", API + path, body)
    assert (answer.status, answer.json["error"]) == (400, "ValidationException")


def test_json_may_have_half_a_surrogate_pair(api_node: RunningNode, account: str) -> None:
    caller = as_operator(api_node)
    body = {"source": "x", "detail_type": "y", "detail": {"half": HALF}}
    event_id = caller.post("/events", body, account=account)["id"]
    assert caller.get(f"/events/{event_id}", account=account)["event"]["detail"] == {"half": HALF}
    verdict = caller.post("/patterns/test", {"event": {"a": HALF}, "pattern": {"a": [HALF]}})
    assert verdict["matched"]


def test_a_pattern_with_half_a_surrogate_pair_is_shown(api_node: RunningNode, account: str) -> None:
    events, pattern = (
        api_node.client("events", account=account),
        {"source": ["shop", HALF], "detail": {HALF: [HALF]}},
    )
    events.put_rule(Name="half", EventPattern=json.dumps(pattern))
    event_id = put(api_node, account)
    caller = as_operator(api_node)
    (rule,) = caller.get(f"/events/{event_id}", account=account)["rules"]
    assert (rule["pattern"], rule["matched"]) == (pattern, False)
    assert caller.get("/rules", account=account)["rules"][0]["pattern"] == pattern


@pytest.mark.parametrize("path", ["explain", "events/put", "outbox", "policy/suggest", "why-denied"])
def test_half_a_surrogate_pair_in_the_nodes_own_paths_is_refused(api_node: RunningNode, path: str) -> None:
    names = ("account", "region", "id", "event_id", "request_id", "role", "principal", "name", "function")
    for one in names:
        body = {**dict.fromkeys(names, "x"), one: HALF}
        assert as_operator(api_node).send("POST", f"/_nightbus/{path}", body).status < 500


@pytest.mark.parametrize("entries", [-1, 1.5, True, "x", {"a": 1}, [None], [{"Time": "x"}]])
def test_entries_of_another_type_are_refused(api_node: RunningNode, account: str, entries: Any) -> None:
    body = {"account": account, "region": "us-east-1", "entries": entries}
    assert as_operator(api_node).send("POST", "/_nightbus/events/put", body).status == 400
