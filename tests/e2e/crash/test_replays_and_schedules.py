"""A node that is killed goes on with its replays and schedules where it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nodes import RunningNode
from waiting import wait_for

BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
SEND = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
    ]
}


def rule_to_queue(node: RunningNode, **rule: Any) -> str:
    """A rule whose events go into a queue; the queue's URL."""
    made = node.client("sqs").create_queue(QueueName="q", Attributes={"Policy": json.dumps(SEND)})
    events = node.client("events")
    events.put_rule(Name="r", **rule)
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": QUEUE}])
    return str(made["QueueUrl"])


def received(node: RunningNode, url: str, wanted: int, seconds: float = 60) -> list[dict[str, Any]]:
    """At least so many events, and all that are there by then."""
    sqs, found = node.client("sqs"), []

    def enough() -> bool:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
            "Messages", []
        )
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return not messages and len(found) >= wanted

    wait_for(enough, seconds)
    return found


def test_a_replay_survives_being_killed_and_leaves_nothing_out(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    events = node.client("events")
    events.create_archive(ArchiveName="a", EventSourceArn=BUS)
    ids: list[str] = []
    for number in range(400):
        entry = {"Source": "shop", "DetailType": "order", "Detail": json.dumps({"n": number})}
        ids += [one["EventId"] for one in events.put_events(Entries=[entry])["Entries"]]
    url = rule_to_queue(node, EventPattern='{"source": ["shop"]}')
    now = datetime.now(UTC)
    events.start_replay(
        ReplayName="again",
        EventSourceArn=BUS.replace("event-bus/default", "archive/a"),
        EventStartTime=now - timedelta(hours=1),
        EventEndTime=now + timedelta(hours=1),
        Destination={"Arn": BUS},
    )
    for _ in range(3):
        node.kill()
        node = RunningNode(tmp_path)
    wait_for(lambda: node.client("events").describe_replay(ReplayName="again")["State"] == "COMPLETED")
    found = received(node, url, len(ids))
    assert [event["id"] for event in found] == ids
    assert {event["replay-name"] for event in found} == {"again"}
    assert node.client("events").describe_archive(ArchiveName="a")["EventCount"] == len(ids)
    assert node.stop() == 0


def test_a_schedule_survives_being_killed(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    url = rule_to_queue(node, ScheduleExpression="cron(* * * * ? *)")
    node.kill()
    node = RunningNode(tmp_path)
    (event,) = received(node, url, 1, 90)
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert datetime.fromisoformat(event["time"]).second == 0
    assert node.stop() == 0
