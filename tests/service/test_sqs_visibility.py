"""SQS by boto3: when a message is seen, by whom and how often. Delays, visibility and long polling."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from waiting import wait_for

Client = Callable[..., Any]
PREFIX = "AWS.SimpleQueueService."
PATIENCE = 20  # the longest wait that SQS has, in seconds


@pytest.fixture
def sqs(client: Client) -> Any:
    return client("sqs")


@pytest.fixture
def make(sqs: Any) -> Callable[..., str]:
    def making(**attributes: str) -> str:
        name = f"queue-{uuid4().hex[:12]}"
        return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    return making


@pytest.fixture
def url(make: Callable[..., str]) -> str:
    return make()


def receive(sqs: Any, url: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=url, MessageSystemAttributeNames=["All"], **params
    ).get("Messages", [])
    return found


def times_received(message: dict[str, Any]) -> int:
    return int(message["Attributes"]["ApproximateReceiveCount"])


def counts(sqs: Any, url: str) -> tuple[int, int, int]:
    """Free, in flight, delayed."""
    names = [f"ApproximateNumberOfMessages{what}" for what in ("", "NotVisible", "Delayed")]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    free, leased, delayed = (int(found[name]) for name in names)
    return free, leased, delayed


class Polling:
    """A receive under way in a thread of its own, and how long it took."""

    def __init__(self, client: Client, url: str, **params: Any) -> None:
        self._sqs = client("sqs")
        self._asked = threading.Event()
        self._sqs.meta.events.register("before-send.sqs.ReceiveMessage", lambda **_: self._asked.set())
        self._pool = ThreadPoolExecutor(1)
        self._reply: Future[tuple[list[dict[str, Any]], float]] = self._pool.submit(self._poll, url, params)
        assert self._asked.wait(10)

    def _poll(self, url: str, params: dict[str, Any]) -> tuple[list[dict[str, Any]], float]:
        started = time.monotonic()
        found = receive(self._sqs, url, **params)
        return found, time.monotonic() - started

    @property
    def is_over(self) -> bool:
        return self._reply.done()

    def result(self) -> tuple[list[dict[str, Any]], float]:
        try:
            return self._reply.result(PATIENCE + 10)
        finally:
            self._pool.shutdown()


def test_a_long_poll_wakes_when_a_message_arrives(client: Client, sqs: Any, url: str) -> None:
    polling = Polling(client, url, WaitTimeSeconds=PATIENCE)
    sqs.send_message(QueueUrl=url, MessageBody="a")
    found, took = polling.result()
    assert [one["Body"] for one in found] == ["a"]
    assert took < PATIENCE / 2


def test_the_queues_own_wait_is_the_default(client: Client, sqs: Any, make: Callable[..., str]) -> None:
    url = make(ReceiveMessageWaitTimeSeconds=str(PATIENCE))
    polling = Polling(client, url)
    sqs.send_message(QueueUrl=url, MessageBody="a")
    found, took = polling.result()
    assert [one["Body"] for one in found] == ["a"]
    assert took < PATIENCE / 2
    assert receive(sqs, url, WaitTimeSeconds=0) == []


def test_one_message_wakes_one_of_those_who_wait(client: Client, sqs: Any, url: str) -> None:
    polls = [Polling(client, url, WaitTimeSeconds=PATIENCE, MaxNumberOfMessages=10) for _ in range(3)]
    for body in "abc":
        sqs.send_message(QueueUrl=url, MessageBody=body)

    def all_woke() -> bool:
        """Whoever of the three got none of these waits for one more."""
        if not all(poll.is_over for poll in polls):
            sqs.send_message(QueueUrl=url, MessageBody="more")
        return all(poll.is_over for poll in polls)

    wait_for(all_woke, PATIENCE / 2)
    seen = [one["Body"] for poll in polls for one in poll.result()[0]]
    assert sorted(one for one in seen if one != "more") == ["a", "b", "c"]


def test_a_long_poll_wakes_when_a_message_is_given_back(client: Client, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    (taken,) = receive(sqs, url)
    polling = Polling(client, url, WaitTimeSeconds=PATIENCE)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=taken["ReceiptHandle"], VisibilityTimeout=0)
    found, took = polling.result()
    assert [times_received(one) for one in found] == [2]
    assert took < PATIENCE / 2


def test_a_long_poll_wakes_when_a_delay_ends(client: Client, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=1)
    found, took = Polling(client, url, WaitTimeSeconds=PATIENCE).result()
    assert [one["Body"] for one in found] == ["a"]
    assert took < PATIENCE / 2


def test_an_empty_queue_answers_when_the_wait_is_over(sqs: Any, url: str) -> None:
    started = time.monotonic()
    assert receive(sqs, url, WaitTimeSeconds=1) == []
    assert 0.9 < time.monotonic() - started < PATIENCE / 2


def test_a_long_poll_ends_with_its_queue(client: Client, sqs: Any, url: str) -> None:
    polling = Polling(client, url, WaitTimeSeconds=1)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.ClientError, match="NonExistentQueue"):
        polling.result()


def test_a_message_is_delayed_by_its_queue_or_by_itself(sqs: Any, make: Callable[..., str]) -> None:
    url = make(DelaySeconds="900")
    sqs.send_message(QueueUrl=url, MessageBody="queue")
    assert (receive(sqs, url), counts(sqs, url)) == ([], (0, 0, 1))
    entries = [
        {"Id": "later", "MessageBody": "later", "DelaySeconds": 1},
        {"Id": "now", "MessageBody": "now", "DelaySeconds": 0},
    ]
    sent = time.monotonic()
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [one["Body"] for one in receive(sqs, url, MaxNumberOfMessages=10)] == ["now"]
    assert [one["Body"] for one in wait_for(lambda: receive(sqs, url))] == ["later"]
    assert time.monotonic() - sent > 0.9
    assert counts(sqs, url) == (0, 2, 1)


def test_a_message_that_nobody_deletes_is_seen_again(sqs: Any, make: Callable[..., str]) -> None:
    url = make(VisibilityTimeout="2")
    sent = sqs.send_message(QueueUrl=url, MessageBody="a")
    (first,) = receive(sqs, url)
    assert (receive(sqs, url), counts(sqs, url)) == ([], (0, 1, 0))
    (second,) = wait_for(lambda: receive(sqs, url))
    assert first["MessageId"] == second["MessageId"] == sent["MessageId"]
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    assert (times_received(first), times_received(second)) == (1, 2)
    arrival = "ApproximateFirstReceiveTimestamp"
    assert first["Attributes"][arrival] == second["Attributes"][arrival]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])  # an old handle still deletes
    assert counts(sqs, url) == (0, 0, 0)


def test_a_receive_may_hide_for_as_long_as_it_likes(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    (first,) = receive(sqs, url, VisibilityTimeout=0)
    (second,) = receive(sqs, url, VisibilityTimeout=1)
    (third,) = wait_for(lambda: receive(sqs, url))
    assert [times_received(one) for one in (first, second, third)] == [1, 2, 3]


def test_visibility_is_changed_both_ways(sqs: Any, make: Callable[..., str]) -> None:
    url = make(VisibilityTimeout="1")
    sqs.send_message(QueueUrl=url, MessageBody="a")
    (first,) = receive(sqs, url)
    change = {"QueueUrl": url, "ReceiptHandle": first["ReceiptHandle"]}
    sqs.change_message_visibility(**change, VisibilityTimeout=3)
    received = time.monotonic()
    (second,) = wait_for(lambda: receive(sqs, url))
    assert time.monotonic() - received > 2.5
    entries = [{"Id": "1", "ReceiptHandle": second["ReceiptHandle"], "VisibilityTimeout": 0}]
    assert sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)["Successful"] == [{"Id": "1"}]
    assert [times_received(one) for one in receive(sqs, url)] == [3]


def test_visibility_of_what_is_not_in_flight_cannot_be_changed(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    (first,) = receive(sqs, url, VisibilityTimeout=0)
    (second,) = receive(sqs, url)
    change = {"QueueUrl": url, "ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": 5}
    refused = (f"{PREFIX}MessageNotInflight", 400)
    assert code_and_status(sqs.change_message_visibility, **change) == refused
    handle = second["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    told = (
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available"
        " for visibility timeout change."
    )
    change["ReceiptHandle"] = handle
    assert refusal(sqs.change_message_visibility, **change) == ("InvalidParameterValue", 400, told)


def test_a_message_whose_time_is_over_can_still_be_hidden_while_nobody_took_it(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    (first,) = receive(sqs, url, VisibilityTimeout=0)
    change = {"QueueUrl": url, "ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": 30}
    sqs.change_message_visibility(**change)
    assert receive(sqs, url) == []


def test_twelve_hours_are_the_longest_that_a_message_is_hidden(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    (message,) = receive(sqs, url, VisibilityTimeout=43_200)
    change = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    for seconds in (-1, 43_201):
        refused = code_and_status(sqs.change_message_visibility, **change, VisibilityTimeout=seconds)
        assert refused == ("InvalidParameterValue", 400)
    received = int(message["Attributes"]["ApproximateFirstReceiveTimestamp"])
    wait_for(lambda: time.time_ns() // 1_000_000 > received)
    told = (
        "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is"
        " beyond the limit [43200 seconds]"
    )
    refused_too = refusal(sqs.change_message_visibility, **change, VisibilityTimeout=43_200)
    assert refused_too == ("InvalidParameterValue", 400, told)
    sqs.change_message_visibility(**change, VisibilityTimeout=43_000)


def test_no_message_is_given_to_two(client: Client, sqs: Any, url: str) -> None:
    total = 100
    for start in range(0, total, 10):
        entries = [{"Id": str(at), "MessageBody": str(start + at)} for at in range(10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def drain(_: int) -> list[str]:
        mine = client("sqs")
        found: list[str] = []
        while some := receive(mine, url, MaxNumberOfMessages=7):
            found += [one["Body"] for one in some]
        return found

    with ThreadPoolExecutor(4) as pool:
        seen = [body for some in pool.map(drain, range(4)) for body in some]
    assert sorted(map(int, seen)) == list(range(total))


def test_a_client_that_went_away_gets_no_message(sqs: Any, url: str, node: Any) -> None:
    """Its long poll ends with its connection; else the next message would be hidden and nobody would have it."""
    scope = "000000000000/20260101/us-east-1/sqs/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "X-Amz-Target": "AmazonSQS.ReceiveMessage",
        "Content-Type": "application/x-amz-json-1.0",
    }
    gone = HTTPConnection("127.0.0.1", node.port)
    gone.request("POST", "/", json.dumps({"QueueUrl": url, "WaitTimeSeconds": PATIENCE}), headers)
    assert receive(sqs, url) == []  # the poll is under way when this later one is answered
    gone.close()
    sqs.send_message(QueueUrl=url, MessageBody="a")
    assert [times_received(one) for one in receive(sqs, url, WaitTimeSeconds=5)] == [1]
