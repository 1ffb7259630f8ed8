"""SQS by boto3: FIFO queues. Order within a group, deduplication, and what only they refuse."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from nodes import TWO_NODES
from waiting import wait_for

Client = Callable[..., Any]
NO_DEDUPLICATION = (
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
    " explicitly"
)
NO_GROUP = "The request must contain the parameter MessageGroupId."


@pytest.fixture
def sqs(client: Client) -> Any:
    return client("sqs")


@pytest.fixture
def make(sqs: Any) -> Callable[..., str]:
    def making(**attributes: str) -> str:
        name = f"queue-{uuid4().hex[:12]}.fifo"
        return str(
            sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true", **attributes})["QueueUrl"]
        )

    return making


@pytest.fixture
def url(make: Callable[..., str]) -> str:
    return make(ContentBasedDeduplication="true")


def send(sqs: Any, url: str, body: str, group: str = "g", **params: Any) -> Any:
    return sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, **params)


def receive(sqs: Any, url: str, most: int = 10, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=most, MessageSystemAttributeNames=["All"], **params
    ).get("Messages", [])
    return found


def delete(sqs: Any, url: str, *messages: dict[str, Any]) -> None:
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [one["Body"] for one in messages]


def test_what_a_fifo_queue_says_of_a_message(sqs: Any, url: str) -> None:
    first = send(sqs, url, "a", MessageDeduplicationId="one")
    second = send(sqs, url, "b")
    assert len(first["SequenceNumber"]) == 20
    assert int(first["SequenceNumber"]) < int(second["SequenceNumber"])
    found = receive(sqs, url)
    assert [one["Attributes"]["SequenceNumber"] for one in found] == [
        first["SequenceNumber"],
        second["SequenceNumber"],
    ]
    assert [one["Attributes"]["MessageGroupId"] for one in found] == ["g", "g"]
    assert found[0]["Attributes"]["MessageDeduplicationId"] == "one"
    by_content = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"  # SHA-256 of the body
    assert found[1]["Attributes"]["MessageDeduplicationId"] == by_content


def test_a_group_is_received_in_order_and_by_one_at_a_time(client: Client, sqs: Any, url: str) -> None:
    for at in range(4):
        send(sqs, url, f"a{at}", "a")
        send(sqs, url, f"b{at}", "b")
    other = client("sqs")
    mine = receive(sqs, url, 2)
    assert bodies(mine) == ["a0", "a1"]
    theirs = receive(other, url, 2)
    assert bodies(theirs) == ["b0", "b1"]
    assert receive(sqs, url) == receive(other, url) == []
    delete(sqs, url, mine[0])
    assert receive(sqs, url) == []  # a1 still locks its group
    delete(sqs, url, mine[1])
    assert bodies(receive(sqs, url)) == ["a2", "a3"]
    change = {"QueueUrl": url, "ReceiptHandle": theirs[1]["ReceiptHandle"], "VisibilityTimeout": 0}
    other.change_message_visibility(**change)
    assert receive(other, url) == []  # b0 still locks its group
    delete(other, url, theirs[0])
    assert bodies(receive(other, url)) == ["b1", "b2", "b3"]


def test_two_consumers_see_every_group_in_order(client: Client, sqs: Any, url: str) -> None:
    groups, each = ("a", "b", "c", "d"), 15
    for at in range(each):
        entries = [
            {"Id": group, "MessageBody": f"{group}{at:02d}", "MessageGroupId": group} for group in groups
        ]
        assert "Failed" not in sqs.send_message_batch(QueueUrl=url, Entries=entries)
    seen: list[str] = []

    def consume(most: int) -> None:
        mine = client("sqs")
        while found := receive(mine, url, most, WaitTimeSeconds=1):
            seen.extend(bodies(found))  # before their deletion lets the next ones out
            delete(mine, url, *found)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(consume, (1, 3)))
    assert len(seen) == len(groups) * each
    for group in groups:
        assert [one for one in seen if one[0] == group] == [f"{group}{at:02d}" for at in range(each)]


def test_what_is_not_deleted_comes_again_before_what_follows(sqs: Any, make: Callable[..., str]) -> None:
    url = make(ContentBasedDeduplication="true", VisibilityTimeout="1")
    for body in "abc":
        send(sqs, url, body)
    (first,) = receive(sqs, url, 1)
    again = wait_for(lambda: receive(sqs, url))
    assert bodies(again) == ["a", "b", "c"]
    assert again[0]["Attributes"]["ApproximateReceiveCount"] == "2"
    handle = first["ReceiptHandle"]
    told = f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    refused = ("InvalidParameterValue", 400, told)
    assert refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle=handle) == refused
    change = {"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 1}
    assert refusal(sqs.change_message_visibility, **change) == refused
    delete(sqs, url, *again)
    assert receive(sqs, url) == []


def test_a_handle_expires_with_its_visibility_even_if_nobody_else_came(sqs: Any, url: str) -> None:
    send(sqs, url, "a")
    (message,) = receive(sqs, url, VisibilityTimeout=0)
    handle = message["ReceiptHandle"]
    told = f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    refused = refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle=handle)
    assert refused == ("InvalidParameterValue", 400, told)
    entries = [{"Id": "1", "ReceiptHandle": handle}]
    failed = sqs.delete_message_batch(QueueUrl=url, Entries=entries)["Failed"]
    assert failed == [{"Id": "1", "Code": "InvalidParameterValue", "Message": told, "SenderFault": True}]
    assert bodies(receive(sqs, url)) == ["a"]


def test_a_duplicate_is_answered_like_the_first_and_not_received(sqs: Any, make: Callable[..., str]) -> None:
    url = make()
    first = send(sqs, url, "a", MessageDeduplicationId="one")
    same = send(sqs, url, "another body", "another-group", MessageDeduplicationId="one")
    assert (same["MessageId"], same["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    send(sqs, url, "a", MessageDeduplicationId="two")
    found = receive(sqs, url)
    assert bodies(found) == ["a", "a"]
    delete(sqs, url, *found)
    send(sqs, url, "a", MessageDeduplicationId="one")
    assert receive(sqs, url) == []  # it is remembered after its deletion as well


def test_a_duplicate_by_its_content(sqs: Any, url: str) -> None:
    send(sqs, url, "a")
    attributes = {"n": {"DataType": "String", "StringValue": "v"}}
    send(sqs, url, "a", "other", MessageAttributes=attributes)  # only the body decides
    send(sqs, url, "b")
    send(sqs, url, "a", MessageDeduplicationId="own")
    assert bodies(receive(sqs, url)) == ["a", "b", "a"]


def test_duplicates_within_one_batch_and_at_the_same_time(client: Client, sqs: Any, url: str) -> None:
    entries = [{"Id": str(at), "MessageBody": "same", "MessageGroupId": "g"} for at in range(5)]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
    assert len({one["MessageId"] for one in sent}) == 1

    def sending(at: int) -> str:
        reply = send(client("sqs"), url, "raced", f"g{at}")
        return str(reply["MessageId"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(sending, range(8)))) == 1
    assert sorted(bodies(receive(sqs, url))) == ["raced", "same"]


def test_deduplication_by_group(sqs: Any, make: Callable[..., str]) -> None:
    high = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    url = make(ContentBasedDeduplication="true", **high)
    for group in ("a", "b", "a"):
        send(sqs, url, "same", group)
    found = receive(sqs, url)
    assert [one["Attributes"]["MessageGroupId"] for one in found] == ["a", "b"]


def test_what_a_fifo_queue_needs(sqs: Any, make: Callable[..., str]) -> None:
    url = make()
    no_group = {"QueueUrl": url, "MessageBody": "a", "MessageDeduplicationId": "1"}
    assert refusal(sqs.send_message, **no_group) == ("MissingParameter", 400, NO_GROUP)
    no_id = {"QueueUrl": url, "MessageBody": "a", "MessageGroupId": "g"}
    assert refusal(sqs.send_message, **no_id) == ("InvalidParameterValue", 400, NO_DEDUPLICATION)
    whole: dict[str, Any] = {
        "Id": "1",
        "MessageBody": "a",
        "MessageGroupId": "g",
        "MessageDeduplicationId": "1",
    }
    for missing, told in (("MessageGroupId", NO_GROUP), ("MessageDeduplicationId", NO_DEDUPLICATION)):
        lacking = {name: value for name, value in whole.items() if name != missing} | {"Id": "2"}
        refused = refusal(sqs.send_message_batch, QueueUrl=url, Entries=[whole, lacking])
        assert refused == ("InvalidParameterValue", 400, told)
    assert receive(sqs, url) == []


@pytest.mark.parametrize("parameter", ["MessageGroupId", "MessageDeduplicationId"])
@pytest.mark.parametrize("value", ["", "a b", "ü", "x" * 129])
def test_an_id_that_is_none_is_refused(sqs: Any, url: str, parameter: str, value: str) -> None:
    params = {"MessageGroupId": "g", "MessageDeduplicationId": "d", parameter: value}
    told = (
        f"Value {value} for parameter {parameter} is invalid. Reason: {parameter} can only include alphanumeric and"
        " punctuation characters. 1 to 128 in length."
    )
    refused = refusal(sqs.send_message, QueueUrl=url, MessageBody="a", **params)
    assert refused == ("InvalidParameterValue", 400, told)


def test_a_message_of_a_fifo_queue_has_no_delay_of_its_own(sqs: Any, make: Callable[..., str]) -> None:
    url = make(ContentBasedDeduplication="true", DelaySeconds="1")
    told = (
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for"
        " this queue type."
    )
    call = {"QueueUrl": url, "MessageBody": "a", "MessageGroupId": "g", "DelaySeconds": 2}
    assert refusal(sqs.send_message, **call) == ("InvalidParameterValue", 400, told)
    send(sqs, url, "a")
    send(sqs, url, "b")
    assert receive(sqs, url) == []
    seen: list[str] = []
    while len(seen) < 2:
        found = wait_for(lambda: receive(sqs, url))
        seen += bodies(found)
        delete(sqs, url, *found)
    assert seen == ["a", "b"]


@pytest.mark.skipif(TWO_NODES, reason="only the node that gave them knows which messages an attempt got")
def test_a_receive_that_is_tried_again_gets_the_same(sqs: Any, url: str) -> None:
    for body in "abc":
        send(sqs, url, body)
    first = receive(sqs, url, 2, ReceiveRequestAttemptId="attempt-1")
    assert receive(sqs, url, ReceiveRequestAttemptId="attempt-2") == []
    again = receive(sqs, url, 2, ReceiveRequestAttemptId="attempt-1")
    assert bodies(first) == bodies(again) == ["a", "b"]
    delete(sqs, url, *again)
    assert bodies(receive(sqs, url, ReceiveRequestAttemptId="attempt-1")) == ["c"]


def test_a_long_poll_wakes_when_a_group_is_free_again(client: Client, sqs: Any, url: str) -> None:
    send(sqs, url, "a")
    send(sqs, url, "b")
    (first,) = receive(sqs, url, 1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(receive, client("sqs"), url, WaitTimeSeconds=20)
        delete(sqs, url, first)
        assert bodies(waiting.result(15)) == ["b"]
