"""What the cluster tests run on: the crash tests' rules, and two more, to a FIFO queue and to a target that is gone."""

from __future__ import annotations

import json

from cluster.checker import DEAD_EVERY, ORDERED_EVERY
from crash import platform
from crash.platform import ACCOUNT, DIRECT, FANNED
from crash.wire import Wire

from nodes import RunningNode
from waiting import wait_for

ORDERED, DEAD = "ordered.fifo", "dead"
HIDDEN_SECONDS = 8  # how long a message that was received and not deleted stays away

__all__ = ["DIRECT", "FANNED"]


def entry(number: int, sender: int) -> dict[str, str]:
    """The event that carries the number, as PutEvents takes it."""
    given = platform.entry(number)
    detail = json.loads(given["Detail"]) | {
        "sender": sender,
        "ordered": number % ORDERED_EVERY == 0,
        "dead": number % DEAD_EVERY == 0,
    }
    return given | {"Detail": json.dumps(detail)}


def set_up(node: RunningNode) -> None:
    """Once for a database."""
    platform.set_up(node)
    _queue(node, ORDERED, FifoQueue="true", ContentBasedDeduplication="true")
    _queue(node, DEAD)
    sqs, events = node.client("sqs"), node.client("events")
    for name in (DIRECT, FANNED):
        hidden = {"VisibilityTimeout": str(HIDDEN_SECONDS)}
        sqs.set_queue_attributes(QueueUrl=platform.queue_url(node, name), Attributes=hidden)
    ordered = {"Id": "it", "Arn": _arn("sqs", ORDERED), "SqsParameters": {"MessageGroupId": "all"}}
    gone = {
        "Id": "it",
        "Arn": _arn("lambda", "function:gone"),
        "DeadLetterConfig": {"Arn": _arn("sqs", DEAD)},
    }
    for name, target in (("ordered", ordered), ("dead", gone)):
        events.put_rule(Name=name, EventPattern=json.dumps({"detail": {name: [True]}}))
        assert events.put_targets(Rule=name, Targets=[target])["FailedEntryCount"] == 0


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{name}"


def _queue(node: RunningNode, name: str, **attributes: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": _arn("sqs", name),
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    attributes |= {"Policy": policy, "VisibilityTimeout": str(HIDDEN_SECONDS)}
    node.client("sqs").create_queue(QueueName=name, Attributes=attributes)


def drain(node: RunningNode, name: str) -> list[tuple[str, int]]:
    """Every message of the queue, (id, number), deleted on the way; those that somebody has are waited for."""
    wire, url = Wire(node.port, "sqs"), platform.queue_url(node, name)
    found: list[tuple[str, int]] = []

    def is_empty() -> bool:
        while got := platform.receive(wire, url):
            found.extend((message_id, number) for message_id, _, number in got)
            platform.delete(wire, url, got)
        asked = {"QueueUrl": url, "AttributeNames": ["All"]}
        counts = wire.call("GetQueueAttributes", asked)["Attributes"]
        left = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return all(counts[count] == "0" for count in left)

    wait_for(is_empty, 60)
    wire.close()
    return found
