"""The live stream and the logs of the console's API."""

from __future__ import annotations

import contextlib
import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from api_requests import Caller, as_operator
from live_stream import live
from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]
CODE = "import json\ndef handler(event, context):\n    print('got', json.dumps(event))\n    return {}\n"


@pytest.fixture
def api(api_node: RunningNode) -> Caller:
    return as_operator(api_node)


@pytest.fixture
def client(api_node: RunningNode) -> Client:
    return api_node.client


@pytest.fixture
def bus(client: Client) -> str:
    name = f"live-{uuid4().hex[:8]}"
    client("events").create_event_bus(Name=name)
    return name


def put(client: Client, bus: str, *numbers: int, source: str = "shop") -> None:
    entries = [
        {"EventBusName": bus, "Source": source, "DetailType": "Order", "Detail": json.dumps({"n": number})}
        for number in numbers
    ]
    assert client("events").put_events(Entries=entries)["FailedEntryCount"] == 0


def numbers_of(rows: list[Any]) -> list[int]:
    return [json.loads(row["preview"])["n"] for row in rows]


def test_events_come_as_they_happen(api: Caller, client: Client, bus: str) -> None:
    with live(api, topics="events", bus=bus) as stream:
        put(client, bus, *range(10))
        put(client, bus, *range(10, 15))
        rows = stream.rows("events", 15)
    assert numbers_of(rows) == list(range(15))
    assert rows == api.get("/events", bus=bus)["events"][::-1]


def test_filters_choose_events(api: Caller, client: Client, bus: str) -> None:
    pattern = '{"detail": {"n": [{"numeric": [">", 5]}]}}'
    with live(api, topics="events", bus=bus, pattern=pattern, source="sh*") as stream:
        put(client, bus, *range(8))
        put(client, bus, 9, source="stock")
        put(client, bus, 10)
        assert numbers_of(stream.rows("events", 3)) == [6, 7, 10]


def test_who_connects_again_misses_nothing_and_sees_nothing_twice(
    api: Caller, client: Client, bus: str
) -> None:
    with live(api, topics="events", bus=bus) as stream:
        put(client, bus, 1, 2)
        assert numbers_of(stream.rows("events", 2)) == [1, 2]
    put(client, bus, 3)
    with live(api, stream.id, topics="events", bus=bus) as again:
        put(client, bus, 4)
        assert numbers_of(again.rows("events", 2)) == [3, 4]
    with live(api, topics="events", bus=bus, position=again.id) as more:
        put(client, bus, 5)
        assert numbers_of(more.rows("events", 1)) == [5]


def test_attempts_come_when_they_end(api: Caller, client: Client, bus: str) -> None:
    events = client("events")
    events.put_rule(Name="broken", EventBusName=bus, EventPattern='{"source":["shop"]}')
    gone = f"arn:aws:sqs:us-east-1:000000000000:gone-{bus}"
    events.put_targets(Rule="broken", EventBusName=bus, Targets=[{"Id": "t", "Arn": gone}])
    with live(api, topics="events,deliveries", bus=bus) as stream:
        put(client, bus, 1)
        messages = dict([stream.message(), stream.message()])
    (event,), (attempt,) = messages["events"], messages["deliveries"]
    assert (event["state"], event["rules"]) == ("waiting", ["broken"])
    assert (attempt["event_id"], attempt["rule"], attempt["outcome"]) == (event["id"], "broken", "failed")
    assert attempt["message"]


def test_lines_of_logs_come_with_their_filter(api: Caller, client: Client) -> None:
    logs, group = client("logs"), f"/live/{uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    with live(api, topics="logs", group=group, filter="ERROR") as stream:
        now = int(time.time() * 1000)
        lines = [{"timestamp": now, "message": text} for text in ("INFO a", "ERROR b")]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=lines)
        (row,) = stream.rows("logs", 1)
    assert (row["group"], row["stream"], row["message"], row["time"]) == (group, "s", "ERROR b", now)


def test_what_is_wrong_is_told_before_the_stream_begins(api: Caller) -> None:
    for query in (
        {"topics": "none"},
        {"topics": ""},
        {"pattern": "{"},
        {"filter": "{ $.a", "topics": "logs"},
        {"x": "1"},
    ):
        answer = api.send("GET", f"/_nightbus/api/live?{urlencode(query)}")
        assert answer.status == 400, query
    with live(api, last="no position") as stream:
        assert json.loads(stream.id)[1] == {}


@pytest.fixture
def function(client: Client) -> str:
    name, body = f"fn-{uuid4().hex[:8]}", io.BytesIO()
    with zipfile.ZipFile(body, "w") as file:
        file.writestr("app.py", CODE)
    role = client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ]
            }
        ),
    )["Role"]["Arn"]
    client("iam").attach_role_policy(
        RoleName=name, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    lambda_ = client("lambda")
    lambda_.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": body.getvalue()},
    )
    lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def test_a_line_leads_to_its_invocation_and_its_event(
    api: Caller, client: Client, bus: str, function: str
) -> None:
    events = client("events")
    rule_arn = events.put_rule(Name="run", EventBusName=bus, EventPattern='{"source":["shop"]}')["RuleArn"]
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    events.put_targets(Rule="run", EventBusName=bus, Targets=[{"Id": "t", "Arn": arn}])
    client("lambda").add_permission(
        FunctionName=function, StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )  # fmt: skip
    put(client, bus, 1)
    group = f"/aws/lambda/{function}"

    def lines() -> list[Any]:
        answer = api.send("GET", f"/_nightbus/api/logs/events?{urlencode({'group': group})}")
        return list(answer.json["events"]) if answer.status == 200 else []

    wait_for(lambda: any("REPORT" in line["message"] for line in lines()))
    (row,) = api.get("/events", bus=bus)["events"]
    (printed,) = [line for line in lines() if line["message"].startswith("got")]
    assert printed["event_id"] == row["id"]
    (start,) = [line for line in lines() if line["message"].startswith("START")]
    assert start["request_id"] == printed["request_id"]
    assert start["request_id"] in start["message"]
    mine = api.get("/logs/events", group=group, request=printed["request_id"])["events"]
    assert [line["id"] for line in mine] == [line["id"] for line in lines() if line["request_id"]][::-1]
    assert {line["event_id"] for line in mine} == {row["id"]}
    assert [one["name"] for one in api.get("/logs/groups", prefix=group)["groups"]] == [group]
    (stream,) = api.get("/logs/streams", group=group)["streams"]
    assert stream["last"] >= stream["first"]
    only = api.get("/logs/events", group=group, stream=stream["name"], filter="got", limit=1)["events"]
    assert [line["id"] for line in only] == [printed["id"]]
    assert api.send("GET", "/_nightbus/api/logs/events?group=none").status in (400, 404)


def test_streams_that_ended_leave_nothing_behind(api: Caller) -> None:
    def listeners() -> int:
        return int(api.send("GET", "/_nightbus/sizes").json["memory"]["listeners of the feed"])

    before = listeners()  # of a node that may still be starting: some of its own come later
    for _ in range(20):
        with live(api, topics="events,deliveries,logs,replays", group="/a"):
            pass
        assert api.send("GET", "/_nightbus/api/live?topics=events,logs&filter=%7B").status == 400
    wait_for(lambda: listeners() < before + 20)


def test_too_many_streams_are_refused_until_some_end(api: Caller) -> None:
    with contextlib.ExitStack() as streams:
        opened = next(number for number in range(200) if _is_full(api, streams))
    assert 90 <= opened <= 100  # those of the tests before may be ending
    wait_for(lambda: _opens(api))


def _is_full(api: Caller, streams: contextlib.ExitStack) -> bool:
    """Open one more stream, and return whether there were too many."""
    try:
        streams.enter_context(live(api, topics="replays"))
    except AssertionError as refused:
        assert "429" in str(refused)
        return True
    return False


def _opens(api: Caller) -> bool:
    with contextlib.suppress(AssertionError), live(api, topics="replays"):
        return True
    return False
