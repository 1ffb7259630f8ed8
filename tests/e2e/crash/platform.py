"""What do the crash tests run on? A bus with three rules: to a queue, to a topic that feeds a queue, to a function."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from crash.wire import Wire

from lambda_rig import code, function_role
from nodes import RunningNode

ACCOUNT = "000000000000"
DIRECT, FANNED = "direct", "fanned"  # the queues behind the rule, and behind the topic
LOG_GROUP = "/aws/lambda/numbers"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
FANNED_EVERY, FUNCTION_EVERY = 4, 25  # which numbers go there too
_FUNCTION = "def handler(event, context):\n    print(f\"number={event['detail']['n']}\")\n"


def entry(number: int) -> dict[str, str]:
    """The event that carries the number, as PutEvents takes it."""
    detail = {
        "n": number,
        "fanned": number % FANNED_EVERY == 0,
        "function": number % FUNCTION_EVERY == 0,
    }
    return {"Source": "crash", "DetailType": "Numbered", "Detail": json.dumps(detail)}


def set_up(node: RunningNode) -> None:
    """Once for a data folder."""
    direct = _queue(node, DIRECT, "events.amazonaws.com")
    fanned = _queue(node, FANNED, "sns.amazonaws.com")
    sns = node.client("sns")
    topic = sns.create_topic(Name="numbers")["TopicArn"]
    policy = _policy("events.amazonaws.com", "sns:Publish", topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=fanned, Attributes=raw)
    _rule(node, "direct", {"source": ["crash"]}, direct)
    _rule(node, "fanned", {"detail": {"fanned": [True]}}, topic)
    _rule(node, "function", {"detail": {"function": [True]}}, _function(node))


def _queue(node: RunningNode, name: str, sender: str) -> str:
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    policy = _policy(sender, "sqs:SendMessage", arn)
    node.client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy, "VisibilityTimeout": "600"})
    return arn


def _policy(service: str, action: str, resource: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _function(node: RunningNode) -> str:
    role = function_role(node.client("iam"), name="numbers")
    functions = node.client("lambda")
    made = functions.create_function(
        FunctionName="numbers", Runtime=RUNTIME, Handler="app.handler", Role=role,
        Code={"ZipFile": code(_FUNCTION)}, Timeout=30,
    )  # fmt: skip
    functions.add_permission(
        FunctionName="numbers", StatementId="events", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )  # fmt: skip
    return str(made["FunctionArn"])


def _rule(node: RunningNode, name: str, pattern: dict[str, Any], target: str) -> None:
    events = node.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "it", "Arn": target}])


def queue_url(node: RunningNode, name: str) -> str:
    return f"{node.endpoint}/{ACCOUNT}/{name}"


def receive(wire: Wire, url: str, wait: int = 0) -> list[tuple[str, str, int]]:
    """Up to ten messages: (id, receipt handle, number)."""
    asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait}
    return messages_of(wire.call("ReceiveMessage", asked))


def messages_of(reply: dict[str, Any]) -> list[tuple[str, str, int]]:
    """What ReceiveMessage answered: (id, receipt handle, number)."""
    found = reply.get("Messages", [])
    return [(one["MessageId"], one["ReceiptHandle"], json.loads(one["Body"])["detail"]["n"]) for one in found]


def delete(wire: Wire, url: str, messages: list[tuple[str, str, int]]) -> None:
    entries = [{"Id": str(at), "ReceiptHandle": receipt} for at, (_, receipt, _) in enumerate(messages)]
    reply = wire.call("DeleteMessageBatch", {"QueueUrl": url, "Entries": entries})
    assert not reply.get("Failed"), reply


def drain(node: RunningNode, name: str) -> Iterator[tuple[str, int]]:
    """Every message that the queue holds, (id, number), deleted on the way."""
    wire, url = Wire(node.port, "sqs"), queue_url(node, name)
    while found := receive(wire, url):
        yield from ((message_id, number) for message_id, _, number in found)
        delete(wire, url, found)
    wire.close()


def logged_numbers(node: RunningNode) -> list[int]:
    """What the function said, run by run; nothing while it has not run yet."""
    if not node.client("logs").describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
        return []
    wire = Wire(node.port, "logs")
    numbers: list[int] = []
    asked: dict[str, Any] = {"logGroupName": LOG_GROUP, "filterPattern": '"number="'}
    while True:
        page = wire.call("FilterLogEvents", asked)
        numbers += [int(one["message"].split("=")[1]) for one in page.get("events", [])]
        if not page.get("nextToken"):
            break
        asked["nextToken"] = page["nextToken"]
    wire.close()
    return numbers
