"""`settle` returns when nothing is left that is due now, and does not wait for what is due later.

One stack has every way in which work leads to work. Each test sends work down a way, settles once, and finds all of it
done: with no wait of its own, so a settle that returns too early fails it, and one that never does runs into its limit.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nightbus.testing import Nightbus, TestNode

RUNTIME = f"python3.{sys.version_info.minor}"
REPEATED = int(os.environ.get("NIGHTBUS_TEST_REPEATED", "10"))
CODE = """
import boto3, json, os
events, sqs, sns, functions = (boto3.client(one) for one in ("events", "sqs", "sns", "lambda"))

def hop(event, context):
    left = event["detail"]["left"]
    if left:
        detail = json.dumps({"left": left - 1, "run": event["detail"]["run"]})
        events.put_events(Entries=[{"Source": "chain", "DetailType": "hop", "Detail": detail}])
    else:
        sqs.send_message(QueueUrl=os.environ["END"], MessageBody=event["detail"]["run"])

def relay(event, context):
    for record in event["Records"]:
        sns.publish(TopicArn=os.environ["TOPIC"], Message=record["body"])

def again(event, context):
    if event.get("left"):
        payload = json.dumps({**event, "left": event["left"] - 1})
        functions.invoke(FunctionName=context.function_name, InvocationType="Event", Payload=payload)
        return None
    if event.get("fails"):
        raise RuntimeError(event["run"])
    return event["run"]
"""


def _function(handler: str, **more: Any) -> dict[str, Any]:
    properties = {
        "Runtime": RUNTIME,
        "Handler": f"index.{handler}",
        "Timeout": 30,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": CODE},
        "Environment": {"Variables": {"END": {"Ref": "End"}, "TOPIC": {"Ref": "Topic"}}},
    }
    return {"Type": "AWS::Lambda::Function", "Properties": properties | more}


def _arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def _queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60, **properties}}


def _rule(kind: str, target: dict[str, Any]) -> dict[str, Any]:
    pattern = {"source": ["chain"], "detail-type": [kind]}
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": pattern, "Targets": [{"Id": "one", **target}]},
    }


def _permission(function: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": function},
            "Principal": "events.amazonaws.com",
        },
    }


TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Statement": {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                    }
                },
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
            },
        },
        "End": _queue(),
        "Work": _queue(RedrivePolicy={"deadLetterTargetArn": _arn("Dead"), "maxReceiveCount": 2}),
        "Dead": _queue(),
        "Done": _queue(),
        "Failed": _queue(),
        "Delayed": _queue(DelaySeconds=300),
        "Ordered": _queue(FifoQueue=True),
        "Refused": _queue(),
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"Subscription": [{"Protocol": "sqs", "Endpoint": _arn("End")}]},
        },
        "Policies": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": name} for name in ("End", "Refused", "Ordered", "Delayed")],
                "PolicyDocument": {
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": "sqs:SendMessage",
                        "Resource": "*",
                    }
                },
            },
        },
        "Hop": _function("hop"),
        "Relay": _function("relay"),
        "Again": _function("again"),
        "HopRule": _rule("hop", {"Arn": _arn("Hop"), "DeadLetterConfig": {"Arn": _arn("Refused")}}),
        "HopPermission": _permission("Hop"),
        "OrderedRule": _rule("ordered", {"Arn": _arn("Ordered"), "SqsParameters": {"MessageGroupId": "one"}}),
        "DelayedRule": _rule("delayed", {"Arn": _arn("Delayed")}),
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"FunctionName": {"Ref": "Relay"}, "EventSourceArn": _arn("Work")},
        },
        "OrderedMapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"FunctionName": {"Ref": "Relay"}, "EventSourceArn": _arn("Ordered")},
        },
        "Destinations": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Again"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 2,
                "DestinationConfig": {
                    "OnSuccess": {"Destination": _arn("Done")},
                    "OnFailure": {"Destination": _arn("Failed")},
                },
            },
        },
    }
}
TEMPLATE["Resources"]["Ordered"]["Properties"]["ContentBasedDeduplication"] = True


@pytest.fixture(scope="module")
def bus(nightbus_node: TestNode) -> Iterator[Nightbus]:
    account = nightbus_node.account()
    account.deploy(TEMPLATE)
    yield account
    account.forget()


@pytest.fixture(autouse=True)
def _healthy(bus: Nightbus) -> Iterator[None]:
    yield
    bus.faults.heal()


def _url(bus: Nightbus, queue: str) -> str:
    resource = bus.resource(queue)
    assert resource is not None
    return resource.physical_id


def test_five_hops_from_function_to_function(bus: Nightbus) -> None:
    for run in range(REPEATED):
        bus.events.put("chain", "hop", {"left": 5, "run": str(run)})
        bus.settle()
        assert bus.messages("End") == [str(run)]


def test_a_queue_feeds_a_function_that_publishes_to_a_queue(bus: Nightbus) -> None:
    sqs = bus.client("sqs")
    for run in range(REPEATED):
        sqs.send_message(QueueUrl=_url(bus, "Work"), MessageBody=str(run))
        bus.settle()
        assert [json.loads(one)["Message"] for one in bus.messages("End")] == [str(run)]


def test_a_fifo_queue_feeds_a_function_in_order(bus: Nightbus) -> None:
    sqs = bus.client("sqs")
    for run in range(REPEATED):
        sent = [f"{run}-{number}" for number in range(5)]
        for text in sent:
            sqs.send_message(QueueUrl=_url(bus, "Ordered"), MessageBody=text, MessageGroupId="one")
        bus.settle()
        assert [json.loads(one)["Message"] for one in bus.messages("End")] == sent


def test_a_function_that_invokes_itself_and_has_a_destination(bus: Nightbus) -> None:
    functions = bus.client("lambda")
    for run in range(REPEATED):
        payload = json.dumps({"left": 4, "run": str(run)})
        functions.invoke(FunctionName=bus.arn_of("Again"), InvocationType="Event", Payload=payload)
        bus.settle()
        ends = [json.loads(one)["responsePayload"] for one in bus.messages("Done")]
        assert sorted(map(str, ends)) == sorted(["None"] * 4 + [str(run)])


def test_retries_wait_for_their_time_and_end_at_the_failure_destination(bus: Nightbus) -> None:
    functions = bus.client("lambda")
    for run in range(REPEATED):
        payload = json.dumps({"fails": True, "run": str(run)})
        functions.invoke(FunctionName=bus.arn_of("Again"), InvocationType="Event", Payload=payload)
        bus.settle()
        assert bus.messages("Failed") == []
        bus.clock.advance("1m")
        assert bus.messages("Failed") == []
        bus.clock.advance("2m")
        (letter,) = bus.messages("Failed")
        assert json.loads(letter)["requestContext"]["condition"] == "RetriesExhausted"
        assert json.loads(letter)["requestContext"]["approximateInvokeCount"] == 3


def test_a_retry_that_is_due_now_is_waited_for(bus: Nightbus) -> None:
    """The bus's first attempt is refused and is to be made again later; then it is made."""
    for run in range(REPEATED):
        bus.faults.refuse("Hop", times=1)
        bus.events.put("chain", "hop", {"left": 0, "run": str(run)})
        bus.settle()
        assert bus.messages("End") == []
        bus.clock.advance("5m")
        assert bus.messages("End") == [str(run)]


def test_a_message_that_fails_gets_to_the_dead_letter_queue(bus: Nightbus) -> None:
    sqs = bus.client("sqs")
    for run in range(REPEATED):
        bus.faults.fail("Relay", times=2)
        sqs.send_message(QueueUrl=_url(bus, "Work"), MessageBody=str(run))
        bus.settle()
        assert bus.messages("Dead") == []
        bus.clock.advance("3m")
        assert bus.messages("Dead") == [str(run)]
        assert bus.messages("End") == []


def test_what_is_due_later_is_not_waited_for(bus: Nightbus) -> None:
    for _ in range(REPEATED):
        bus.events.put("chain", "delayed", {})
        began = time.monotonic()
        bus.settle()
        assert time.monotonic() - began < 60  # the message is due in five minutes
        assert bus.messages("Delayed") == []
    bus.clock.advance("5m")
    assert len(bus.messages("Delayed")) == REPEATED


def test_many_events_at_once(bus: Nightbus) -> None:
    runs = [str(number) for number in range(100)]
    for run in runs:
        bus.events.put("chain", "hop", {"left": 2, "run": run})
    bus.settle()
    assert sorted(bus.messages("End")) == sorted(runs)


def test_a_move_of_dead_letters_is_waited_for(bus: Nightbus) -> None:
    sqs = bus.client("sqs")
    for run in range(REPEATED):
        sqs.send_message(QueueUrl=_url(bus, "Dead"), MessageBody=str(run))
        sqs.start_message_move_task(SourceArn=bus.arn_of("Dead"), DestinationArn=bus.arn_of("Work"))
        bus.settle()
        assert [json.loads(one)["Message"] for one in bus.messages("End")] == [str(run)]
