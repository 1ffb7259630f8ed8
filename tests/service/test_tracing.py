"""The whole way of an event: over functions that publish in turn, other buses, queues and topics, and its cause."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from nodes import RunningNode
from tracing_rig import ACCOUNT, Shop, children, is_over, only_invocation, only_target, traced


@pytest.fixture
def shop(node: RunningNode, request: pytest.FixtureRequest) -> Shop:
    return Shop(node, f"trace-{abs(hash(request.node.name)) % 10**9}")


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
        return bool(second) and only_invocation(children(found)[0])["state"] == "succeeded"

    found = shop.when(event_id, ended)
    assert found["caused_by"] == []
    first = only_target(found)
    assert (first["input"], first["state"], len(first["attempts"])) == (None, "delivered", 1)
    assert first["attempts"][0]["time"] == found["time"]  # in the event's own commit
    invocation = only_invocation(found)
    (run,) = invocation["runs"]
    assert (invocation["state"], run["run"], run["outcome"]) == ("succeeded", 1, "succeeded")
    assert "publishing middle" in [line["message"] for line in run["log"]]
    assert run["log"][0]["message"].startswith("START RequestId: ")
    assert run["log"][-1]["message"].startswith("REPORT RequestId: ")
    assert invocation["request_id"] == first["attempts"][0]["request_id"]
    (middle,) = run["events"]
    assert middle["event"]["detail"]["from"] == f"{shop.bus}-one"
    (end,) = children(middle)
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
    assert "invocations" not in attempt


def test_a_dead_letter_queue_that_does_not_take_the_event(shop: Shop) -> None:
    closed = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{shop.bus}-closed"
    shop.sqs.create_queue(QueueName=f"{shop.bus}-closed")
    missing = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{shop.bus}-missing"
    gone = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{shop.bus}-gone"
    for dead, why in (
        (closed, "The queue does not permit EventBridge to send to it."),
        (missing, "The queue does not exist."),
    ):
        shop.rule("lost", "begin", gone, DeadLetterConfig={"Arn": dead})
        event_id = shop.put("begin")
        target = only_target(shop.when(event_id, lambda found: only_target(found)["state"] == "failed"))
        (attempt,) = target["attempts"]
        assert attempt["not_sent"] == [{"to": dead, "why": why}]
        assert "dead_letter" not in attempt


def test_the_same_event_on_another_bus(shop: Shop) -> None:
    other = f"{shop.bus}-other"
    shop.events.create_event_bus(Name=other)
    shop.rule("on", "begin", f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{other}")
    shop.rule("there", "begin", shop.queue("there"), bus=other)
    event_id = shop.put("begin")
    (forwarded,) = children(traced(shop.node, event_id))
    assert (forwarded["bus"], forwarded["event"]["source"]) == (other, "begin")
    assert only_target(forwarded)["state"] == "delivered"
    (cause,) = traced(shop.node, forwarded["event"]["id"])["caused_by"]
    assert (cause["event_id"], cause["bus"], cause["rule"]) == (event_id, shop.bus, "on")


def test_a_function_that_gets_a_queues_messages(shop: Shop) -> None:
    queue = shop.queue("in", VisibilityTimeout="20")
    shop.mapping(queue, shop.function("worker", NEXT="worked"))
    shop.rule("queued", "begin", queue)
    event_id = shop.put("begin")
    found = shop.when(event_id, lambda found: children(found) and is_over(found))
    invocation = only_invocation(found)
    assert (invocation["from"], invocation["messages"], invocation["state"]) == (queue, 1, "succeeded")
    assert invocation["runs"][0]["log"][-1]["message"].startswith("REPORT RequestId: ")
    (worked,) = children(found)
    (cause,) = traced(shop.node, worked["event"]["id"])["caused_by"]
    assert (cause["function"], cause["request_id"]) == (f"{shop.bus}-worker", invocation["request_id"])
    assert (cause["from"], cause["event_id"], cause["rule"]) == (queue, event_id, "queued")


def test_a_message_that_comes_again_after_a_failure(shop: Shop) -> None:
    queue = shop.queue("in", VisibilityTimeout="2")
    shop.node.client("s3", account=ACCOUNT).create_bucket(Bucket=f"{shop.bus}-table")
    shop.mapping(queue, shop.function("worker", NEXT="worked", TIMEOUT="2", TABLE=f"{shop.bus}-table"))
    shop.rule("queued", "begin", queue)
    event_id = shop.put("begin")

    def invocations(found: dict[str, Any]) -> list[dict[str, Any]]:
        (attempt,) = only_target(found)["attempts"]
        return list(attempt.get("invocations", ()))

    shop.when(event_id, lambda found: [one for one in invocations(found) if one["state"] == "failed"])
    shop.node.client("s3", account=ACCOUNT).put_object(Bucket=f"{shop.bus}-table", Key="go")
    found = shop.when(event_id, lambda found: invocations(found)[-1]["state"] == "succeeded")
    first, *_, last = invocations(found)
    assert (first["runs"][0]["code"], first["runs"][0]["message"]) == ("ValueError", "not yet")
    assert first["request_id"] != last["request_id"]
    assert len(first["runs"][0]["events"]) == len(last["runs"][0]["events"]) == 1


def test_what_a_topics_subscribers_made_of_it(shop: Shop) -> None:
    queue = shop.queue("in", VisibilityTimeout="20")
    shop.mapping(queue, shop.function("worker", NEXT="worked"))
    worker = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{shop.bus}-worker"
    shop.rule("direct", "begin", shop.topic("direct", "lambda", worker))
    shop.rule("queued", "begin", shop.topic("queued", "sqs", queue))
    event_id = shop.put("begin")
    found = shop.when(event_id, lambda found: len(children(found)) == 2 and is_over(found))
    ways = {}
    for rule in found["rules"]:
        (invocation,) = rule["targets"][0]["attempts"][0]["invocations"]
        ways[rule["rule"]] = (invocation["function"], invocation["from"])
    assert ways == {
        "direct": (worker, f"arn:aws:sns:us-east-1:{ACCOUNT}:{shop.bus}-direct"),
        "queued": (worker, queue),
    }
    causes = [traced(shop.node, child["event"]["id"])["caused_by"][0] for child in children(found)]
    assert [(cause["event_id"], cause["rule"]) for cause in causes] == [
        (event_id, "direct"),
        (event_id, "queued"),
    ]


def test_a_function_that_fails_and_who_is_told(shop: Shop) -> None:
    arn = shop.function("broken", NEXT="tried", FAILS="yes")
    bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{shop.bus}"
    shop.functions.put_function_event_invoke_config(
        FunctionName=arn, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": bus}}
    )
    shop.rule("broken", "begin", arn)
    event_id = shop.put("begin")
    found = shop.when(event_id, lambda found: children(found) and is_over(found))
    assert only_target(found)["state"] == "delivered"
    invocation = only_invocation(found)
    (run,) = invocation["runs"]
    assert (invocation["state"], run["outcome"]) == ("failed", "failed")
    assert (run["code"], run["message"], run["sent_to"]) == ("ValueError", "never", [bus])
    assert [event["event"]["detail-type"] for event in run["events"]] == [
        "Step",
        "Lambda Function Invocation Result - Failure",
    ]


def test_a_destination_that_does_not_take_the_record(shop: Shop) -> None:
    arn, missing = shop.function("alone", FAILS="yes"), shop.queue("left")
    shop.functions.put_function_event_invoke_config(
        FunctionName=arn, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": missing}}
    )
    shop.sqs.delete_queue(QueueUrl=shop.sqs.get_queue_url(QueueName=missing.rsplit(":", 1)[1])["QueueUrl"])
    shop.rule("alone", "begin", arn)
    event_id = shop.put("begin")
    found = shop.when(event_id, lambda found: is_over(found) and only_invocation(found)["state"] == "failed")
    (run,) = only_invocation(found)["runs"]
    (refusal,) = run["not_sent"]
    assert (refusal["to"], "does not exist" in refusal["why"]) == (missing, True)
    assert "sent_to" not in run


def test_a_replay_is_told_from_the_first_time(shop: Shop) -> None:
    bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{shop.bus}"
    archive = shop.events.create_archive(ArchiveName=shop.bus[:48], EventSourceArn=bus)["ArchiveArn"]
    shop.rule("first", "begin", shop.function("one", NEXT="middle"))
    shop.rule(
        "second", "begin", shop.queue("copy"), InputTransformer={"InputTemplate": '"<aws.events.rule-name>"'}
    )
    event_id = shop.put("begin")
    shop.when(event_id, lambda found: children(found) and is_over(found))
    now = time.time()
    shop.events.start_replay(
        ReplayName="again", EventSourceArn=archive, EventStartTime=now - 3600, EventEndTime=now + 3600,
        Destination={"Arn": bus, "FilterArns": [f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{shop.bus}/first"]},
    )  # fmt: skip

    def again(found: dict[str, Any]) -> bool:
        return len(found["rules"][0]["targets"][0]["attempts"]) == 2 and is_over(found)

    found = shop.when(event_id, lambda found: again(found) and len(children(found)) == 2)
    first, second = found["rules"][0]["targets"][0]["attempts"]
    assert "replay" not in first
    assert (second["replay"], second["attempt"]) == ("again", 1)
    for attempt in (first, second):
        ((run,),) = [one["runs"] for one in attempt["invocations"]]
        assert [event["event"]["source"] for event in run["events"]] == ["middle"]


def test_rules_are_those_of_then(shop: Shop) -> None:
    shop.rule("kept", "begin", shop.queue("kept"), InputTransformer={"InputTemplate": '"old"'})
    shop.rule("gone", "begin", shop.queue("gone"))
    event_id = shop.put("begin")
    found = traced(shop.node, event_id)
    assert {rule["rule"]: rule["targets"][0]["input"] for rule in found["rules"]} == {
        "gone": None,
        "kept": '"old"',
    }
    shop.rule("kept", "begin", shop.queue("kept"), InputTransformer={"InputTemplate": '"new"'})
    shop.events.remove_targets(Rule="gone", Ids=["t"], EventBusName=shop.bus)
    shop.events.delete_rule(Name="gone", EventBusName=shop.bus)
    shop.rule("later", "begin", shop.queue("later"))
    found = traced(shop.node, event_id)
    assert [rule["rule"] for rule in found["rules"]] == ["gone", "kept"]
    kept = found["rules"][1]["targets"][0]
    assert (kept["input"], kept["state"]) == (None, "delivered")
    assert "the rule was changed since" in kept["why"]


def test_runs_before_and_after_the_node_was_killed(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    try:
        shop = Shop(node, "killed")
        node.client("s3", account=ACCOUNT).create_bucket(Bucket="killed-table")
        shop.rule("first", "begin", shop.function("one", NEXT="middle", TABLE="killed-table", HANGS="yes"))
        event_id = shop.put("begin")
        shop.when(event_id, children)
        node.client("s3", account=ACCOUNT).put_object(Bucket="killed-table", Key="go")
        before = traced(node, event_id)
        assert only_invocation(before)["state"] == "under way"
        node.kill()
        node = RunningNode(tmp_path)
        shop.node = node
        found = shop.when(event_id, lambda found: only_invocation(found)["state"] == "succeeded")
        runs = only_invocation(found)["runs"]
        assert [(run["run"], run["outcome"], len(run["events"])) for run in runs] == [
            (1, "broken off", 1),
            (2, "succeeded", 1),
        ]
        (cause,) = traced(node, runs[1]["events"][0]["event"]["id"])["caused_by"]
        assert (cause["event_id"], cause["run"]) == (event_id, 2)
    finally:
        node.stop()


def test_what_is_not_there_is_said(shop: Shop) -> None:
    for query, message in (("", "Which event?"), ("?event=none", "is in no bus")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{shop.node.endpoint}/_nightbus/trace{query}")
        assert refused.value.code == 400
        assert message in json.load(refused.value)["message"]
