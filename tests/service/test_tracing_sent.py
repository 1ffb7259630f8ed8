"""The way of an event goes on in what a function sends: messages, and invocations of other functions."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from nodes import RunningNode
from tracing_rig import ACCOUNT, Shop, only_invocation, only_target, traced

SENDER = """
import os
import boto3

def handler(event, context):
    e = os.environ
    boto3.client("sqs").send_message(QueueUrl=e["QUEUE"], MessageBody="one")
    boto3.client("sns").publish(TopicArn=e["TOPIC"], Message="two")
    functions = boto3.client("lambda")
    for name, kind in (("LATER", "Event"), ("NOW", "RequestResponse")):
        functions.invoke(FunctionName=e[name], InvocationType=kind, Payload=b"{}")
"""


@pytest.fixture(scope="module")
def shop(node: RunningNode) -> Shop:
    return Shop(node, "trace-sent")


def test_what_a_function_sends_down_and_up(shop: Shop) -> None:
    queue = shop.queue("in", VisibilityTimeout="20")
    shop.mapping(queue, shop.function("queued", NEXT="queued"))
    topic = shop.topic("news", "lambda", shop.function("told", NEXT="told"))
    later, now = shop.function("later", NEXT="later"), shop.function("now", NEXT="now", FAILS="yes")
    url = shop.sqs.get_queue_url(QueueName="trace-sent-in")["QueueUrl"]
    sender = shop.function("sender", SENDER, QUEUE=url, TOPIC=topic, LATER=later, NOW=now)
    shop.rule("first", "begin", sender)
    event_id = shop.put("begin")

    def sent_in(found: dict[str, Any]) -> list[dict[str, Any]]:
        invocation = only_invocation(found)
        runs = invocation["runs"] if invocation["state"] == "succeeded" else []
        return [sent for run in runs for sent in run["sent"]]

    def over(found: dict[str, Any]) -> bool:
        called = [one for sent in sent_in(found) for one in sent["invocations"]]
        return len(called) == 4 and all(one["state"] in ("succeeded", "failed") for one in called)

    found = shop.when(event_id, over)
    sent = {one["to"]: one for one in sent_in(found)}
    assert list(sent) == [queue, topic, later, now]
    states = {to: one["invocations"][0]["state"] for to, one in sent.items()}
    assert states == {queue: "succeeded", topic: "succeeded", later: "succeeded", now: "failed"}
    (failed,) = sent[now]["invocations"][0]["runs"]
    assert (failed["code"], failed["message"]) == ("ValueError", "never")
    assert sent[queue]["invocations"][0]["from"] == queue
    for to, one in sent.items():
        (run,) = one["invocations"][0]["runs"]
        (published,) = run["events"]
        receiver, cause = traced(shop.node, published["event"]["id"])["caused_by"]
        assert receiver["function"] == f"trace-sent-{published['event']['source']}"
        assert (cause["function"], cause["to"], cause["sent"]) == ("trace-sent-sender", to, one["id"])
        assert (cause["event_id"], cause["rule"]) == (event_id, "first")
    told = shown(shop, event_id)
    assert f"to sqs trace-sent-in  as {sent[queue]['id']}" in told
    assert f"to lambda function:trace-sent-now  as {sent[now]['id']}  failed" in told
    upwards = shown(shop, published["event"]["id"])
    assert ", which invoked lambda function:trace-sent-now, called by rule first of bus" in upwards


def shown(shop: Shop, event_id: str) -> str:
    command = [sys.executable, "-m", "nightbus", "trace", event_id, "--port", str(shop.node.port)]
    environ = {**os.environ, "AWS_ACCESS_KEY_ID": ACCOUNT}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


def test_who_reads_the_dead_letters(shop: Shop) -> None:
    dead = shop.queue("dead", VisibilityTimeout="20")
    shop.mapping(dead, shop.function("undertaker", NEXT="buried"))
    gone = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:trace-sent-gone"
    shop.rule("broken", "dying", gone, DeadLetterConfig={"Arn": dead})
    event_id = shop.put("dying")

    def over(found: dict[str, Any]) -> bool:
        attempts = only_target(found)["attempts"]
        called = [one for attempt in attempts for one in attempt.get("invocations", ())]
        return [one["state"] for one in called] == ["succeeded"]

    found = shop.when(event_id, over)
    assert only_target(found)["state"] == "failed"
    (attempt,) = only_target(found)["attempts"]
    (invocation,) = attempt["invocations"]
    assert (attempt["dead_letter"], invocation["from"]) == (dead, dead)
    (published,) = invocation["runs"][0]["events"]
    (cause,) = traced(shop.node, published["event"]["id"])["caused_by"]
    assert (cause["function"], cause["messages"]) == ("trace-sent-undertaker", [attempt["dead_letter_id"]])
    assert (cause["event_id"], cause["rule"]) == (event_id, "broken")


def test_a_message_carries_the_header_that_came_with_its_request(node: RunningNode) -> None:
    sqs = node.client("sqs", account=ACCOUNT)
    url = sqs.create_queue(QueueName="traced")["QueueUrl"]
    header, other = (
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        "Root=1-5759e988-000000000000000000000005",
    )

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = header

    sqs.meta.events.register("before-sign.sqs", add)
    own = {"AWSTraceHeader": {"DataType": "String", "StringValue": other}}
    plain = sqs.send_message(QueueUrl=url, MessageBody="plain")
    assert "MD5OfMessageSystemAttributes" not in plain
    sqs.send_message(QueueUrl=url, MessageBody="own", MessageSystemAttributes=own)
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "b", "MessageBody": "batch"}])
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["AWSTraceHeader"])
    got = {one["Body"]: one["Attributes"]["AWSTraceHeader"] for one in found["Messages"]}
    assert got == {"plain": header, "own": other, "batch": header}
