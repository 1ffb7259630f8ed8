"""EventBridge by boto3: what the log of a bus says of its events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from events_rig import ACCOUNT, GOOD, Listener, put
from waiting import wait_for

Client = Callable[..., Any]
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:nowhere"


class Bus:
    """A bus with a log, and what stands there."""

    def __init__(self, client: Client, level: str, detail: str = "FULL") -> None:
        self.name = f"bus-{uuid4().hex[:8]}"
        self.group = f"/aws/vendedlogs/events/event-bus/{self.name}"
        self._events, self._logs = client("events"), client("logs")
        log = {"Level": level, "IncludeDetail": detail}
        self.arn = self._events.create_event_bus(Name=self.name, LogConfig=log)["EventBusArn"]

    def put(self, **more: Any) -> str:
        (taken,) = put(self._events, {**GOOD, "EventBusName": self.name, **more})
        return str(taken["EventId"])

    def records(self, event_id: str) -> list[dict[str, Any]]:
        groups = self._logs.describe_log_groups(logGroupNamePrefix=self.group)["logGroups"]
        if not groups:
            return []
        found = self._logs.get_log_events(
            logGroupName=self.group, logStreamName="EventBridgeEventBusLogs", startFromHead=True
        )["events"]
        records = [json.loads(one["message"]) for one in found]
        return [one for one in records if one["event_id"] == event_id]

    def steps(self, event_id: str, last: str) -> list[str]:
        def all_there() -> list[str] | None:
            found = [one["message_type"] for one in self.records(event_id)]
            return found if last in found else None

        return wait_for(all_there)


RECEIVED = ["EVENT_RECEIPT", "EVENT_INGEST_SUCCESS", "RULE_MATCH_START"]


def test_every_step_of_an_event_that_is_placed_at_once(client: Client) -> None:
    bus = Bus(client, "TRACE")
    Listener(client, {"source": ["shop"]}, bus=bus.name)
    bus.put(Source="warm")  # matches nothing
    listener = Listener(client, {"source": ["shop"]}, bus=bus.name)
    first = bus.put()
    listener.heard(1)  # the rules' streams are there from now on
    wait_for(lambda: len(bus.records(first)) == 13)
    event_id = bus.put()
    records = bus.records(event_id)  # all of them in the commit of the event
    invoked = [
        "INVOCATION_START",
        "INVOCATION_ATTEMPT_START",
        "INVOCATION_ATTEMPT_SUCCESS",
        "INVOCATION_SUCCESS",
    ]
    assert [one["message_type"] for one in records][:3] == RECEIVED
    assert sorted(one["message_type"] for one in records[3:]) == sorted(["RULE_MATCH"] * 2 + invoked * 2)
    assert {one["resource_arn"] for one in records} == {bus.arn}
    assert {one["event_bus_name"] for one in records} == {bus.name}
    assert len({one["request_id"] for one in records}) == 1
    match = next(one for one in records if one["message_type"] == "RULE_MATCH")
    (invocation,) = match["details"]["invocation_ids"]
    of_it = [one for one in records if one.get("invocation_id") == invocation]
    assert [one["message_type"] for one in of_it] == invoked
    success = of_it[-1]
    assert success["log_level"] == "INFO" and "error" not in success
    assert success["details"]["rule_arn"] == match["details"]["rule_arn"]
    assert success["details"]["target_arn"] in match["details"]["target_arns"]
    assert json.loads(success["details"]["target_input"])["id"] == event_id
    told = {name: success["details"][name] for name in ("total_attempts", "final_invocation_status")}
    assert told == {"total_attempts": 1, "final_invocation_status": "SUCCESS"}
    receipt = records[0]["details"]
    assert receipt.pop("source_time_ms") > 1_700_000_000_000
    assert receipt == {
        "caller_account_id": ACCOUNT, "source": "shop", "detail_type": "order", "resources": [],
        "event_detail": '{"n":1}',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("level", "steps"),
    [
        ("TRACE", [*RECEIVED, "NO_STANDARD_RULES_MATCHED"]),
        ("INFO", ["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"]),
        ("ERROR", []),
        ("OFF", []),
    ],
)
def test_the_level_says_which_steps(client: Client, level: str, steps: list[str]) -> None:
    bus = Bus(client, level)
    assert [one["message_type"] for one in bus.records(bus.put())] == steps


def test_a_delivery_that_fails_is_told_attempt_by_attempt(client: Client) -> None:
    bus = Bus(client, "ERROR", "NONE")
    events, sqs = client("events"), client("sqs")
    url = sqs.create_queue(QueueName=bus.name)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": queue,
    }  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    events.put_rule(Name="r", EventBusName=bus.name, EventPattern='{"source": ["shop"]}')
    target = {"Id": "f", "Arn": FUNCTION, "DeadLetterConfig": {"Arn": queue}}
    events.put_targets(Rule="r", EventBusName=bus.name, Targets=[target])
    event_id = bus.put()
    steps = bus.steps(event_id, "INVOCATION_DLQ")
    assert steps == ["INVOCATION_ATTEMPT_PERMANENT_FAILURE", "INVOCATION_FAILURE", "INVOCATION_DLQ"]
    failure = bus.records(event_id)[1]
    assert (failure["error"]["aws_service"], failure["error"]["http_status_code"]) == ("lambda", 404)
    assert failure["details"]["final_invocation_status"] == "NO_RESOURCE"
    assert "target_input" not in failure["details"]
    assert failure["log_level"] == "ERROR"


def test_a_log_that_is_deleted_or_switched_on_later(client: Client) -> None:
    bus = Bus(client, "OFF")
    events, logs = client("events"), client("logs")
    assert bus.records(bus.put()) == []
    events.update_event_bus(Name=bus.name, LogConfig={"Level": "INFO", "IncludeDetail": "NONE"})
    (ingested, _) = bus.records(bus.put())
    assert "event_detail" not in ingested["details"]
    logs.delete_log_group(logGroupName=bus.group)
    assert len(bus.records(bus.put())) == 2


def test_a_record_that_would_be_too_long_says_what_it_leaves_out(client: Client) -> None:
    bus = Bus(client, "INFO")
    records = bus.records(bus.put(Detail=json.dumps({"long": "x" * 1_000_000})))
    assert records[0]["dropped_fields"] == ["event_detail"]
    assert "event_detail" not in records[0]["details"]
