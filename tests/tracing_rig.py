"""What the tests of tracing share: a shop of functions that publish, on a bus of their own, and what a trace has."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

from function_rig import zip_of
from lambda_rig import allow
from nodes import RunningNode
from waiting import wait_for

TRUST = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
}
ACCOUNT = "777700008888"
ANYBODY = {"Statement": {"Effect": "Allow", "Principal": "*", "Resource": "*"}}
RUNTIME = f"python3.{sys.version_info.minor}"
PUBLISHER = """
import json, os, time
import boto3

def handler(event, context):
    print("publishing", os.environ["NEXT"])
    if event.get("detail", {}).get("stop"):
        return
    if os.environ.get("TABLE"):  # fails, or hangs, until somebody puts an object there
        there = boto3.client("s3").list_objects_v2(Bucket=os.environ["TABLE"]).get("Contents")
    detail = {"from": context.function_name, "stop": os.environ.get("STOP") == "yes"}
    reply = boto3.client("events").put_events(Entries=[{
        "EventBusName": os.environ["BUS"], "Source": os.environ["NEXT"], "DetailType": "Step",
        "Detail": json.dumps(detail)}])
    if os.environ.get("TABLE") and not there:
        if os.environ.get("HANGS"):
            time.sleep(60)
        raise ValueError("not yet")
    if os.environ.get("FAILS"):
        raise ValueError("never")
    return reply["Entries"][0]["EventId"]
"""


def traced(node: RunningNode, event_id: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{node.endpoint}/_nightbus/trace?event={event_id}") as reply:
        found: dict[str, Any] = json.load(reply)
    return found


class Shop:
    def __init__(self, node: RunningNode, name: str) -> None:
        self.node, self.bus = node, name
        self.events, self.functions, self.sqs = (
            node.client(one, account=ACCOUNT) for one in ("events", "lambda", "sqs")
        )
        self.events.create_event_bus(Name=name)
        role = node.client("iam", account=ACCOUNT).create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST)
        )
        self.role = role["Role"]["Arn"]
        allow(
            node.client("iam", account=ACCOUNT),
            name,
            "events:*",
            "sqs:*",
            "sns:*",
            "lambda:*",
            "s3:*",
            "logs:*",
        )

    def function(self, name: str, code: str = PUBLISHER, **variables: str) -> str:
        made = self.functions.create_function(
            FunctionName=f"{self.bus}-{name}", Runtime=RUNTIME, Role=self.role, Handler="app.handler",
            Timeout=int(variables.pop("TIMEOUT", "20")),
            Code={"ZipFile": zip_of({"app.py": code})}, Environment={"Variables": {"BUS": self.bus, **variables}},
        )  # fmt: skip
        self.functions.get_waiter("function_active_v2").wait(FunctionName=made["FunctionName"])
        for service in ("events", "sns"):
            self.functions.add_permission(
                FunctionName=made["FunctionName"], StatementId=service, Action="lambda:InvokeFunction",
                Principal=f"{service}.amazonaws.com",
            )  # fmt: skip
        return str(made["FunctionArn"])

    def queue(self, name: str, **attributes: str) -> str:
        attributes |= {
            "Policy": json.dumps(ANYBODY | {"Statement": ANYBODY["Statement"] | {"Action": "sqs:*"}})
        }
        self.sqs.create_queue(QueueName=f"{self.bus}-{name}", Attributes=attributes)
        return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{self.bus}-{name}"

    def topic(self, name: str, protocol: str, endpoint: str, bus: str = "") -> str:
        sns = self.node.client("sns", account=ACCOUNT)
        policy = json.dumps(ANYBODY | {"Statement": ANYBODY["Statement"] | {"Action": "sns:Publish"}})
        arn = sns.create_topic(Name=f"{self.bus}-{name}", Attributes={"Policy": policy})["TopicArn"]
        sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
        return str(arn)

    def mapping(self, queue: str, function: str, **options: Any) -> None:
        self.functions.create_event_source_mapping(EventSourceArn=queue, FunctionName=function, **options)

    def rule(self, name: str, source: str, arn: str, bus: str = "", **target: Any) -> None:
        place = {"EventBusName": bus or self.bus}
        self.events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}), **place)
        self.events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": arn, **target}], **place)

    def put(self, source: str, **detail: Any) -> str:
        entry = {
            "EventBusName": self.bus,
            "Source": source,
            "DetailType": "Step",
            "Detail": json.dumps(detail),
        }
        return str(self.events.put_events(Entries=[entry])["Entries"][0]["EventId"])

    def when(self, event_id: str, so: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            found = traced(self.node, event_id)
            return found if so(found) else None

        return wait_for(there)


def only_target(node: dict[str, Any]) -> dict[str, Any]:
    (rule,) = node["rules"]
    (target,) = rule["targets"]
    found: dict[str, Any] = target
    return found


def is_over(found: dict[str, Any]) -> bool:
    """Each invocation that is shown has ended."""
    attempts = [
        attempt for rule in found["rules"] for target in rule["targets"] for attempt in target["attempts"]
    ]
    return all(
        called["state"] in ("succeeded", "failed")
        for attempt in attempts
        for called in attempt.get("invocations", ())
    )


def children(node: dict[str, Any]) -> list[dict[str, Any]]:
    attempts = [
        attempt for rule in node["rules"] for target in rule["targets"] for attempt in target["attempts"]
    ]
    runs = [run for one in attempts for called in one.get("invocations", ()) for run in called["runs"]]
    return [child for part in (*attempts, *runs) for child in part.get("events", ())]


def only_invocation(node: dict[str, Any]) -> dict[str, Any]:
    (attempt,) = only_target(node)["attempts"]
    (invocation,) = attempt["invocations"]
    found: dict[str, Any] = invocation
    return found
