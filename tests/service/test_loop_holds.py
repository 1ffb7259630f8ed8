"""No request within AWS's limits holds the event loop: what the loop's thread computes at a time stays short.

The bound is that of the thread's own CPU time in one round of the loop.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from lambda_rig import code, function_role
from nodes import RunningNode
from raw_requests import send, signed

LONGEST_MS = 50.0
LIMIT = 1_000_000


@pytest.fixture(scope="module")
def measured() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_MEASURE_HOLDS": "1", "NIGHTBUS_QUOTAS": "1"})
    yield running
    assert running.stop() == 0


@pytest.fixture
def longest(measured: RunningNode) -> Callable[[], float]:
    def asked() -> float:
        with urllib.request.urlopen(f"{measured.endpoint}/_nightbus/holds", timeout=30) as reply:
            return float(json.load(reply)["longest_ms"])

    asked()
    return asked


def items(node: RunningNode) -> int:
    """How many items all queues of the node's store hold, those of its workers too."""
    with urllib.request.urlopen(f"{node.endpoint}/_nightbus/sizes", timeout=30) as reply:
        return int(json.load(reply)["rows"]["item"])


def wait_until_queued(node: RunningNode, count: int) -> None:
    ends = time.monotonic() + 60
    while items(node) != count:
        assert time.monotonic() < ends
        time.sleep(0.1)


def put(events: Any, detail: dict[str, Any]) -> None:
    entry = {"Source": "big", "DetailType": "d", "Detail": json.dumps(detail)}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


DETAILS = {
    "one long text": {"a": "ab" * (LIMIT // 2 - 200)},
    "a text that nearly fits": {"a": "a" * (LIMIT - 200)},
    "many fields": {f"key{n}": n for n in range(55_000)},
    "many arrays": {"a": [[1]] * 190_000},
    "exact numbers": {"a": [1] * 200_000 + [1.5] * 40_000},
    "escapes": {"a": ['\n"'] * 120_000},
}


@pytest.mark.parametrize("detail", DETAILS.values(), ids=DETAILS)
def test_an_event_of_a_megabyte(
    measured: RunningNode, longest: Callable[[], float], detail: dict[str, Any]
) -> None:
    """Against 30 rules with wildcards, AWS's quota, and one that makes another input of the event."""
    events, sqs = measured.client("events"), measured.client("sqs")
    queue = sqs.create_queue(QueueName="big")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for n in range(30):
        pattern = {"detail": {"a": [{"wildcard": f"*{'a' * (n % 7)}b{n}*c*"}]}}
        events.put_rule(Name=f"wild{n}", EventPattern=json.dumps(pattern))
        events.put_targets(Rule=f"wild{n}", Targets=[{"Id": "t", "Arn": arn}])
    events.put_rule(
        Name="made", EventPattern='{"source": ["big"], "detail": {"a": [{"anything-but": ["x"]}]}}'
    )
    transformer = {"InputPathsMap": {"d": "$.source"}, "InputTemplate": '{"made": <d>}'}
    events.put_targets(Rule="made", Targets=[{"Id": "t", "Arn": arn, "InputTransformer": transformer}])
    longest()
    put(events, detail)
    held = longest()
    assert held < LONGEST_MS


def test_trying_a_pattern_on_a_megabyte(measured: RunningNode, longest: Callable[[], float]) -> None:
    event = {
        "id": "1",
        "account": "0",
        "source": "s",
        "time": "2026-01-01T00:00:00Z",
        "region": "r",
        "detail-type": "d",
        "detail": {"a": [[1]] * 150_000},
    }
    measured.client("events").test_event_pattern(
        EventPattern='{"detail": {"a": [{"wildcard": "*x*"}]}}', Event=json.dumps(event)
    )
    assert longest() < LONGEST_MS


def test_a_fifo_queue_of_many_messages(measured: RunningNode, longest: Callable[[], float]) -> None:
    """Their order is read before the first receive; none of the groups is due in the second part."""
    sqs = measured.client("sqs")
    url = sqs.create_queue(
        QueueName=f"{uuid4().hex}.fifo", Attributes={"FifoQueue": "true", "DelaySeconds": "900"}
    )["QueueUrl"]
    for part in range(150):
        entries = [
            {
                "Id": str(n),
                "MessageBody": "x",
                "MessageGroupId": f"g{part}-{n}",
                "MessageDeduplicationId": f"{part}-{n}",
            }
            for n in range(10)
        ]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    longest()
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert longest() < LONGEST_MS
    for _ in range(5):
        assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert longest() < LONGEST_MS


def test_a_download_that_is_broken_off_is_not_read_to_its_end(
    measured: RunningNode, longest: Callable[[], float]
) -> None:
    s3 = measured.client("s3")
    s3.create_bucket(Bucket="large")
    s3.put_object(Bucket="large", Key="a", Body=b"x" * 30_000_000)
    link = s3.generate_presigned_url("get_object", {"Bucket": "large", "Key": "a"})
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", measured.port, timeout=30)
        connection.request("GET", link.removeprefix(measured.endpoint))
        assert connection.getresponse().read(1000) == b"x" * 1000
        connection.close()
    assert s3.head_object(Bucket="large", Key="a")["ContentLength"] == 30_000_000
    assert longest() < LONGEST_MS


def test_a_long_message_and_a_filter_policy(measured: RunningNode, longest: Callable[[], float]) -> None:
    sqs, sns = measured.client("sqs"), measured.client("sns")
    topic = sns.create_topic(Name="filtered")["TopicArn"]
    queue = sqs.create_queue(QueueName="filtered")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"FilterPolicy": json.dumps({"a": [{"suffix": "99"}]}), "FilterPolicyScope": "MessageBody"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=policy)
    sns.publish(TopicArn=topic, Message="{}")  # which reads what the first call of an operation needs
    longest()
    sns.publish(TopicArn=topic, Message=json.dumps({"a": [str(n) for n in range(25_000)]}))
    assert longest() < LONGEST_MS


def test_a_full_page_of_a_bucket(measured: RunningNode, longest: Callable[[], float]) -> None:
    s3 = measured.client("s3")
    s3.create_bucket(Bucket="full")
    s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
    for number in range(1_001):
        s3.put_object(Bucket="full", Key=f"key{number}", Body=b"")
    s3.list_objects_v2(Bucket="full", MaxKeys=1)
    s3.list_object_versions(Bucket="full", MaxKeys=1)
    longest()
    assert len(s3.list_objects_v2(Bucket="full")["Contents"]) == 1_000
    assert len(s3.list_object_versions(Bucket="full")["Versions"]) == 1_000
    assert longest() < LONGEST_MS


@pytest.mark.parametrize("admitted", [True, False], ids=["with policies", "without policies"])
def test_a_long_notification_for_many_queues(
    measured: RunningNode, longest: Callable[[], float], admitted: bool
) -> None:
    """Queues that do not admit the topic get nothing with the Publish: a worker tries each of them, and gives up."""
    sqs, sns = measured.client("sqs"), measured.client("sns")
    name = f"wide-{uuid4().hex}"
    topic = sns.create_topic(Name=name)["TopicArn"]
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    attributes = {"Policy": json.dumps({"Statement": [statement]})} if admitted else {}
    for number in range(200):
        queue = f"{name}-{number}"
        sqs.create_queue(QueueName=queue, Attributes=attributes)
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:000000000000:{queue}")
    queued = items(measured)
    sns.publish(TopicArn=topic, Message="{}")  # which reads what the first delivery to a queue needs
    queued += 200 * admitted
    wait_until_queued(measured, queued)
    longest()
    sns.publish(TopicArn=topic, Message="x" * 250_000)
    wait_until_queued(measured, queued + 200 * admitted)
    assert longest() < LONGEST_MS


def test_a_function_that_prints_nothing_but_line_ends(
    measured: RunningNode, longest: Callable[[], float]
) -> None:
    """The pipe holds 65,536 lines when the function answers."""
    source = "import os\ndef handler(count, context):\n for _ in range(count): os.write(1, b'\\n' * 65536)"
    name = f"line-ends-{uuid4().hex[:8]}"
    role = function_role(measured.client("iam"))
    functions = measured.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code(source)},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    functions.invoke(FunctionName=name, Payload="0")
    longest()
    functions.invoke(FunctionName=name, Payload="6")
    assert longest() < LONGEST_MS


@pytest.mark.parametrize(
    ("service", "path", "target", "body"),
    [
        ("events", "/", "AWSEvents.RemoveTargets", ('{"Rule": "r", "Ids": [', '""')),
        ("events", "/", "AWSEvents.PutEvents", ('{"Entries": [', "{}")),
        ("lambda", "/2015-03-31/functions", "", ('{"FunctionName": "f", "Layers": [', '""')),
    ],
)
def test_a_body_of_mistakes(
    measured: RunningNode,
    longest: Callable[[], float],
    service: str,
    path: str,
    target: str,
    body: tuple[str, str],
) -> None:
    """Each of half a million values is one, and AWS's message would show them all, each beside the whole list."""
    start, value = body
    text = f"{start}{','.join([value] * 500_000)}]}}".encode()
    headers = signed(service, **{"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"})
    if not target:
        del headers["X-Amz-Target"]
    send(measured, "POST", path, f"{start}{value}]}}".encode(), headers)
    longest()
    status, answer = send(measured, "POST", path, text, headers)
    assert (status, "validation error" in answer, len(answer) < LIMIT) == (400, True, True), answer[:200]
    assert longest() < LONGEST_MS
