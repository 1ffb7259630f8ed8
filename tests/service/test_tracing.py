"""The whole way of an event: over functions that publish in turn, other buses, retries, and back to who began it."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from function_rig import zip_of
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
RUNTIME = f"python3.{sys.version_info.minor}"
PUBLISHER = """
import json, os
import boto3

def handler(event, context):
    print("publishing", os.environ["NEXT"])
    if event.get("detail", {}).get("stop"):
        return
    detail = {"from": context.function_name, "stop": os.environ.get("STOP") == "yes"}
    reply = boto3.client("events").put_events(Entries=[{
        "EventBusName": os.environ["BUS"], "Source": os.environ["NEXT"], "DetailType": "Step",
        "Detail": json.dumps(detail)}])
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

    def function(self, name: str, **variables: str) -> str:
        made = self.functions.create_function(
            FunctionName=f"{self.bus}-{name}", Runtime=RUNTIME, Role=self.role, Handler="app.handler", Timeout=20,
            Code={"ZipFile": zip_of({"app.py": PUBLISHER})}, Environment={"Variables": {"BUS": self.bus, **variables}},
        )  # fmt: skip
        self.functions.get_waiter("function_active_v2").wait(FunctionName=made["FunctionName"])
        self.functions.add_permission(
            FunctionName=made["FunctionName"], StatementId="s", Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
        )  # fmt: skip
        return str(made["FunctionArn"])

    def queue(self, name: str) -> str:
        policy = {
            "Statement": {
                "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        }  # fmt: skip
        self.sqs.create_queue(QueueName=f"{self.bus}-{name}", Attributes={"Policy": json.dumps(policy)})
        return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{self.bus}-{name}"

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


@pytest.fixture
def shop(node: RunningNode, request: pytest.FixtureRequest) -> Shop:
    return Shop(node, f"trace-{abs(hash(request.node.name)) % 10**9}")


def only_target(node: dict[str, Any]) -> dict[str, Any]:
    (rule,) = node["rules"]
    (target,) = rule["targets"]
    found: dict[str, Any] = target
    return found


def children(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        child for rule in node["rules"] for target in rule["targets"] for child in target.get("events", ())
    ]


def test_a_way_over_functions_down_and_up(shop: Shop) -> None:
    shop.rule("first", "begin", shop.function("one", NEXT="middle"))
    shop.rule("second", "middle", shop.function("two", NEXT="end"))
    shop.rule(
        "third", "end", shop.queue("end"),
        InputTransformer={"InputPathsMap": {"who": "$.detail.from"}, "InputTemplate": '{"by": <who>}'},
    )  # fmt: skip
    event_id = shop.put("begin", number=1)

    def ended(found: dict[str, Any]) -> bool:
        second = [child for one in children(found) for child in children(one)]
        return bool(second) and only_target(second[0])["state"] == "delivered"

    found = shop.when(event_id, ended)
    assert found["caused_by"] == []
    first = only_target(found)
    assert (first["input"], first["state"], len(first["attempts"])) == (None, "delivered", 1)
    assert first["attempts"][0]["duration"] >= 0
    (run,) = first["runs"]
    assert "publishing middle" in [line["message"] for line in run["log"]]
    assert run["log"][0]["message"].startswith("START RequestId: ")
    assert run["log"][-1]["message"].startswith("REPORT RequestId: ")
    assert run["request_id"] == first["attempts"][0]["request_id"]
    (middle,) = first["events"]
    assert middle["event"]["detail"]["from"] == f"{shop.bus}-one"
    (end,) = only_target(middle)["events"]
    last = only_target(end)
    assert json.loads(last["input"]) == {"by": f"{shop.bus}-two"}

    upwards = traced(shop.node, end["event"]["id"])["caused_by"]
    assert [(cause["function"], cause["event_id"], cause["rule"]) for cause in upwards] == [
        (f"{shop.bus}-two", middle["event"]["id"], "second"),
        (f"{shop.bus}-one", event_id, "first"),
    ]


def test_a_function_that_somebody_invoked(shop: Shop) -> None:
    shop.function("order", NEXT="placed")
    reply = shop.functions.invoke(FunctionName=f"{shop.bus}-order", Payload=b"{}")
    event_id = json.load(reply["Payload"])
    found = traced(shop.node, event_id)
    (cause,) = found["caused_by"]
    assert (cause["function"], cause["request_id"]) == (
        f"{shop.bus}-order",
        reply["ResponseMetadata"]["RequestId"],
    )
    assert "event_id" not in cause
    assert found["rules"] == []


def test_a_function_that_triggers_itself_ends_the_tree(shop: Shop) -> None:
    arn = shop.function("self", NEXT="again", STOP="no")
    shop.rule("loop", "again", arn)
    try:
        event_id = shop.put("again")
        shop.when(event_id, lambda found: children(found) and children(children(found)[0]))
    finally:
        shop.events.disable_rule(Name="loop", EventBusName=shop.bus)
    deep, found = 0, traced(shop.node, event_id)
    while children(found):
        found, deep = children(found)[0], deep + 1
    assert 2 <= deep <= 21


def test_a_failure_and_where_the_event_went_then(shop: Shop) -> None:
    dead = shop.queue("dead")
    gone = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{shop.bus}-gone"
    shop.rule("broken", "begin", gone, DeadLetterConfig={"Arn": dead})
    event_id = shop.put("begin")
    target = only_target(shop.when(event_id, lambda found: only_target(found)["state"] == "failed"))
    (attempt,) = target["attempts"]
    assert (attempt["code"], attempt["dead_letter"]) == ("ResourceNotFoundException", dead)
    assert "runs" not in target


def test_the_same_event_on_another_bus(shop: Shop) -> None:
    other = f"{shop.bus}-other"
    shop.events.create_event_bus(Name=other)
    shop.rule("on", "begin", f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{other}")
    shop.rule("there", "begin", shop.queue("there"), bus=other)
    event_id = shop.put("begin")
    (forwarded,) = only_target(traced(shop.node, event_id))["events"]
    assert (forwarded["bus"], forwarded["event"]["source"]) == (other, "begin")
    assert only_target(forwarded)["state"] == "delivered"


def test_a_function_that_reads_the_queue(shop: Shop) -> None:
    queue = shop.queue("feeding")
    shop.rule("queued", "begin", queue)
    shop.function("reader", NEXT="read")
    mapping = shop.functions.create_event_source_mapping(
        EventSourceArn=queue, FunctionName=f"{shop.bus}-reader"
    )
    try:
        event_id = shop.put("begin")
        found = shop.when(event_id, lambda found: children(found) and only_target(found)["runs"])
    finally:
        shop.functions.delete_event_source_mapping(UUID=mapping["UUID"])
    (child,) = children(found)
    assert child["event"]["source"] == "read"
    (run,) = only_target(found)["runs"]
    assert "publishing read" in [line["message"] for line in run["log"]]
    (cause,) = traced(shop.node, child["event"]["id"])["caused_by"]
    assert (cause["function"], cause["request_id"]) == (f"{shop.bus}-reader", run["request_id"])


def test_a_function_that_subscribes_to_the_topic(shop: Shop) -> None:
    sns = shop.node.client("sns", account=ACCOUNT)
    policy = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}}
    topic = sns.create_topic(Name=shop.bus, Attributes={"Policy": json.dumps(policy)})["TopicArn"]
    function = shop.function("subscriber", NEXT="told")
    shop.functions.add_permission(
        FunctionName=function,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
    )
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    shop.rule("told", "begin", topic)
    found = shop.when(shop.put("begin"), children)
    (child,) = children(found)
    assert child["event"]["source"] == "told"


def test_what_is_not_there_is_said(shop: Shop) -> None:
    for query, message in (("", "Which event?"), ("?event=none", "is in no bus")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{shop.node.endpoint}/_nightbus/trace{query}")
        assert refused.value.code == 400
        assert message in json.load(refused.value)["message"]
