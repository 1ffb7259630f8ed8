"""What a node says of an event: of one that was put, of one that was not, and as events come."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from nightbus.cli.commands.explain import explanation_text
from nodes import RunningNode
from waiting import wait_for

ACCOUNT = "777700007777"
EVENT: dict[str, Any] = {
    "source": "demo.order",
    "detail-type": "Order Created",
    "detail": {
        "total": "100",
        "count": 5,
        "state": "CREATED",
        "customer": {"tier": "gold"},
        "order": {"items": [{"sku": "a"}, {"sku": "b"}]},
        "payload": '{"sku": "a"}',
    },
}


def explain(node: RunningNode, given: Any) -> dict[str, Any]:
    data = given if isinstance(given, bytes) else json.dumps(given).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{node.endpoint}/_nightbus/explain", data)) as reply:
        found: dict[str, Any] = json.load(reply)
    return found


def refused(node: RunningNode, given: Any) -> tuple[int, str, str]:
    with pytest.raises(urllib.error.HTTPError) as error:
        explain(node, given)
    answer = json.load(error.value)
    return error.value.code, answer["error"], answer["message"]


@pytest.mark.parametrize(
    ("pattern", "path", "hint"),
    [
        ({"source": ["demo.orders"]}, "source", '"demo.order" is one character short of the rule\'s value'),
        ({"detail": {"state": ["created"]}}, "detail.state", '"CREATED" differs from the rule\'s value only in case'),
        ({"detail": {"total": [100]}}, "detail.total", '"100" is a string, the rule wants a number'),
        ({"detail": {"count": ["5"]}}, "detail.count", "5 is a number, the rule wants a string"),
        ({"detail": {"tier": ["gold"]}}, "detail.tier",
         "the field is missing, and the rule's value is in detail.customer.tier"),
        ({"detail": {"items": {"sku": ["a"]}}}, "detail.items.sku",
         "the field is missing, and the rule's value is in detail.order.items.sku"),
        ({"detail": {"order": ["a"]}}, "detail.order",
         "detail.order is an object, and the rule's value is deeper, in detail.order.items.sku"),
        ({"detail": {"payload": {"sku": ["a"]}}}, "detail.payload.sku",
         "detail.payload is no object, so there is no detail.payload.sku: it holds its JSON as a text"),
        ({"detail-type": ["demo.order"]}, "detail-type", "the rule's value is in source, not in detail-type"),
    ],
)  # fmt: skip
def test_each_kind_of_near_miss(node: RunningNode, pattern: Any, path: str, hint: str) -> None:
    found = explain(node, {"event": EVENT, "pattern": pattern})
    assert (found["matched"], found["path"], found["hint"]) == (False, path, hint)
    assert explain(node, {"event": EVENT, "pattern": json.dumps(pattern)}) == found


def test_an_event_that_was_not_put_meets_a_buss_rules(node: RunningNode) -> None:
    events = node.client("events", account=ACCOUNT)
    events.create_event_bus(Name="tried")
    for name, source in (("near", "demo.orders"), ("fits", "demo.order")):
        events.put_rule(Name=name, EventBusName="tried", EventPattern=json.dumps({"source": [source]}))
    found = explain(node, {"event": EVENT, "bus": "tried", "account": ACCOUNT})
    assert [(rule["rule"], rule["matched"]) for rule in found["rules"]] == [("fits", True), ("near", False)]
    assert explain(node, {"event": EVENT, "bus": "tried", "rule": "near", "account": ACCOUNT})["rules"] == [
        found["rules"][1]
    ]


def test_a_bus_that_is_not_there_is_named(node: RunningNode) -> None:
    events = node.client("events", account=ACCOUNT)
    entry = {"EventBusName": "misspelt", "Source": "s", "DetailType": "t", "Detail": "{}"}
    event_id = events.put_events(Entries=[entry])["Entries"][0]["EventId"]
    with urllib.request.urlopen(f"{node.endpoint}/_nightbus/explain?event={event_id}") as reply:
        put = json.load(reply)
    tried = explain(node, {"event": EVENT, "bus": "misspelt", "account": ACCOUNT})
    empty = explain(node, {"event": EVENT, "bus": "default", "account": "999999999999"})
    assert (put["bus_exists"], tried["bus_exists"]) == (False, False)
    assert "bus_exists" not in empty
    assert explanation_text(put).splitlines()[1] == "Bus misspelt does not exist, so nothing gets it."


def test_the_wrong_bus_is_noticed(node: RunningNode) -> None:
    events = node.client("events", account=ACCOUNT)
    events.create_event_bus(Name="right")
    events.create_event_bus(Name="wrong")
    events.put_rule(Name="only-here", EventBusName="right", EventPattern='{"source": ["wrong.bus"]}')
    entry = {"EventBusName": "wrong", "Source": "wrong.bus", "DetailType": "t", "Detail": "{}"}
    event_id = events.put_events(Entries=[entry])["Entries"][0]["EventId"]
    with urllib.request.urlopen(f"{node.endpoint}/_nightbus/explain?event={event_id}") as reply:
        elsewhere = json.load(reply)["elsewhere"]
    place = {"account": ACCOUNT, "region": "us-east-1"}
    assert elsewhere[0] == {"rule": "only-here", "bus": "right", **place}
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"{node.endpoint}/_nightbus/explain?event={event_id}&rule=only-here")
    assert "It is on EventBus right" in json.load(missing.value)["message"]


@pytest.mark.parametrize(
    ("given", "status", "code", "message"),
    [
        (b"{", 400, "ValidationException", "not JSON"),
        (b"[]", 400, "ValidationException", "must be a JSON object"),
        (b"\xff", 400, "ValidationException", "not JSON"),
        ({}, 400, "ValidationException", "Which event?"),
        ({"event": EVENT, "bus": 5}, 400, "ValidationException", "`bus` must be a string"),
        ({"event": EVENT, "pattern": "{"}, 400, "InvalidEventPatternException", "Event pattern is not valid"),
        ({"event": EVENT, "pattern": {"source": "x"}}, 400, "InvalidEventPatternException", "must be an object"),
        ({"event": EVENT, "rule": "none"}, 400, "ResourceNotFoundException", "none does not exist"),
        (b" " * 3_000_000, 413, "ValidationException", "too large"),
    ],
)  # fmt: skip
def test_bad_questions(node: RunningNode, given: Any, status: int, code: str, message: str) -> None:
    answer = refused(node, given)
    assert answer[:2] == (status, code)
    assert message in answer[2]


class Listener:
    """Reads a stream of lines in a thread."""

    def __init__(self, node: RunningNode, **query: Any) -> None:
        self.lines: list[dict[str, Any]] = []
        self.ended = False
        self._connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
        self._connection.request("GET", f"/_nightbus/events/tail?{urlencode({'account': ACCOUNT, **query})}")
        self.reply = self._connection.getresponse()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.reply:
            self.lines.append(json.loads(line))
        self.ended = True

    def events(self) -> list[str]:
        return [line["event"]["id"] for line in self.lines if "event" in line]

    def close(self) -> None:
        if sock := self._connection.sock:
            sock.close()


@contextmanager
def listening(node: RunningNode, **query: Any) -> Iterator[Listener]:
    listener = Listener(node, **query)
    yield listener
    listener.close()


def put(node: RunningNode, bus: str, source: str = "shop", count: int = 1) -> list[str]:
    entry = {
        "EventBusName": bus,
        "Source": source,
        "DetailType": "t",
        "Detail": '{"exact": 0.10000000000000001}',
    }
    reply = node.client("events", account=ACCOUNT).put_events(Entries=[entry] * count)
    return [one["EventId"] for one in reply["Entries"]]


@pytest.fixture
def bus(client: Callable[..., Any], request: pytest.FixtureRequest) -> str:
    name = request.node.name[:60]
    events = client("events", account=ACCOUNT)
    events.create_event_bus(Name=name)
    events.put_rule(Name="r", EventBusName=name, EventPattern='{"source": ["shop"]}')
    gone = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:gone"
    events.put_targets(Rule="r", EventBusName=name, Targets=[{"Id": "f", "Arn": gone}])
    return str(name)


def test_events_and_what_becomes_of_them_are_seen_live(node: RunningNode, bus: str) -> None:
    (before,) = put(node, bus)
    with listening(node, bus=bus) as live:
        ids = put(node, bus, count=3)
        wait_for(lambda: sum("delivery" in line for line in live.lines) >= 3)
        assert set(live.events()) >= set(ids)
        first = next(line for line in live.lines if line.get("event", {}).get("id") == ids[0])
        assert (first["bus"], first["rules"], first["event"]["source"]) == (bus, ["r"], "shop")
        outcomes = {line["event_id"]: line["delivery"] for line in live.lines if "delivery" in line}
        assert {outcomes[one]["outcome"] for one in ids} == {"failed"}
        assert outcomes[ids[0]]["code"] == "ResourceNotFoundException"
    with listening(node, bus=bus, since=0) as again:
        assert wait_for(lambda: len(again.events()) >= 4 and again.events()) == [before, *ids]


def test_only_what_a_pattern_wants(node: RunningNode, bus: str) -> None:
    with listening(node, bus=bus, pattern='{"source": [{"prefix": "sh"}]}', since=0) as live:
        put(node, bus, "other")
        (wanted,) = put(node, bus, "shop")
        wait_for(lambda: any("delivery" in line for line in live.lines))
        assert live.events() == [wanted]
        assert {line["event_id"] for line in live.lines if "delivery" in line} == {wanted}


def test_many_events_each_once(node: RunningNode, bus: str) -> None:
    with listening(node, since=0, bus=bus) as live:
        ids = [one for _ in range(60) for one in put(node, bus, "quiet", 10)]
        wait_for(lambda: len(live.events()) >= 600)
        assert live.events() == ids


@pytest.mark.parametrize("query", [{"pattern": "{"}, {"since": "soon"}])
def test_a_stream_that_cannot_be_is_refused(node: RunningNode, query: dict[str, str]) -> None:
    with listening(node, **query) as live:
        assert live.reply.status == 400


def test_a_stream_ends_when_the_node_stops(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    with listening(node) as live:
        put(node, "default")
        wait_for(live.events)
        assert node.stop() == 0
        wait_for(lambda: live.ended)
    assert "Traceback" not in "".join(node.output)


def test_rules_that_match_come_first_and_then_the_nearest(
    node: RunningNode, client: Callable[..., Any]
) -> None:
    events = client("events", account="777700007778")
    events.create_event_bus(Name="ordered")
    patterns = {
        "a-far": {"source": ["x"], "detail-type": ["y"]},
        "c-other": {"source": ["quite.another"]},
        "d-near": {"source": ["demo.orders"]},
        "e-disabled": {"source": ["demo.order"]},
        "f-hit": {"source": ["demo.order"]},
    }
    for name, pattern in patterns.items():
        state = "DISABLED" if "disabled" in name else "ENABLED"
        events.put_rule(Name=name, EventBusName="ordered", EventPattern=json.dumps(pattern), State=state)
    found = explain(node, {"event": EVENT, "account": "777700007778", "bus": "ordered"})
    assert [rule["rule"] for rule in found["rules"]] == ["f-hit", "e-disabled", "d-near", "c-other", "a-far"]
