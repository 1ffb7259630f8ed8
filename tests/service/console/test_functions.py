"""Tests what the API shows of functions and their invocations, and that it runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import shop_stack
from console_api import ApiError, ConsoleApi
from nodes import RunningNode
from waiting import wait_for

NAME = "shop-orders"


def invocation(shop: ConsoleApi, **wanted: Any) -> dict[str, Any]:
    """The newest one that has these members."""

    def found() -> dict[str, Any] | None:
        rows = shop.get(f"/functions/{NAME}/invocations")["invocations"]
        return next((row for row in rows if wanted.items() <= row.items()), None)

    return wait_for(found)


def test_one_function_with_its_configuration(shop: ConsoleApi) -> None:
    found = shop.get(f"/functions/{NAME}")
    assert (found["state"], found["stack"], found["timeout"]) == ("Active", "shop", 5)
    assert (found["variables"], "hidden" in json.dumps(found)) == (["BUS", "TOKEN"], False)
    assert [one["arn"] for one in found["event_sources"]] == [shop_stack.WORK]
    assert (found["dead_letter"], found["retries"], found["on_success"]) == (shop_stack.DEAD, 0, "")
    assert [(one["name"], one["how"]) for one in found["senders"]] == [("orders", "invokes")]
    assert found["log_group"] == f"/aws/lambda/{NAME}"
    [row] = [one for one in shop.get("/functions")["functions"] if one["name"] == NAME]
    assert row["arn"] == shop_stack.FUNCTION


def test_what_an_event_led_to(shop: ConsoleApi, put: Callable[..., str]) -> None:
    event_id = put(number=1)
    row = invocation(shop, event_id=event_id)
    assert (row["outcome"], row["rule"], row["error"], row["version"]) == (
        "succeeded",
        "orders",
        "",
        "$LATEST",
    )
    assert row["duration"] > 0
    assert 0 < row["memory"] <= row["memory_size"] == 128
    assert row["log"]["group"] == f"/aws/lambda/{NAME}"
    found = shop.get(f"/functions/{NAME}")
    assert found["invocations"] >= 1
    assert found["cold_starts"] >= 1
    assert found["p50"] <= found["p95"]


def test_a_failed_one_and_its_dead_letter(shop: ConsoleApi, put: Callable[..., str]) -> None:
    event_id = put(fail=True)
    row = invocation(shop, event_id=event_id)
    assert (row["outcome"], row["code"], row["error"]) == ("failed", "KeyError", "KeyError: 'order'")
    assert shop.get(f"/functions/{NAME}")["failing"].endswith("invocations failed: KeyError")

    def letter() -> dict[str, Any] | None:
        messages = shop.get("/queues/shop-dead/messages")["messages"]
        return next((one for one in messages if one["event_id"] == event_id), None)

    message = wait_for(letter)
    failure = message["failure"]
    assert (failure["by"], failure["message"]) == ("function", "'order'")
    assert failure["request_id"] == row["request_id"]
    assert shop.post("/queues/shop-dead/redrive", {"messages": [message["id"]]})["done"] == 1
    again = wait_for(lambda: next(
        (one for one in shop.get("/queues/shop-dead/messages")["messages"] if one["event_id"] == event_id), None
    ))  # fmt: skip
    assert again["failure"]["request_id"] != row["request_id"]
    shop.post("/queues/shop-dead/delete", {"messages": [again["id"]]})
    put(number=2)
    wait_for(lambda: shop.get(f"/functions/{NAME}")["failing"] == "")


def test_a_letter_that_the_function_did_not_send_here_stays(shop: ConsoleApi, api_node: RunningNode) -> None:
    sqs = api_node.client("sqs", account=shop_stack.ACCOUNT)
    url = sqs.create_queue(QueueName="forged")["QueueUrl"]
    function = f"{shop_stack.FUNCTION}:$LATEST"
    context = {"requestId": "1", "functionArn": function, "condition": "RetriesExhausted"}
    sqs.send_message(
        QueueUrl=url, MessageBody=json.dumps({"requestContext": context, "requestPayload": {"n": 1}})
    )
    [message] = shop.get("/queues/forged/messages")["messages"]
    result = shop.post("/queues/forged/redrive", {"messages": [message["id"]]})
    assert result["failed"][0]["why"] == f"The function {NAME} does not send what fails here: choose a queue."
    assert len(shop.get("/queues/forged/messages")["messages"]) == 1


def test_what_a_function_said_of_a_queues_dead_letter(
    shop: ConsoleApi, put: Callable[..., str], api_node: RunningNode
) -> None:
    sqs = api_node.client("sqs", account=shop_stack.ACCOUNT)
    url = sqs.get_queue_url(QueueName="shop-work")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="bad")
    [message] = wait_for(lambda: shop.get("/queues/shop-dead-work/messages")["messages"], 30)
    failure = message["failure"]
    assert (failure["by"], failure["source"], failure["target"]) == (
        "queue",
        shop_stack.WORK,
        shop_stack.FUNCTION,
    )
    assert (failure["code"], failure["message"]) == ("ValueError", "a bad message")
    row = invocation(shop, request_id=failure["request_id"])
    assert (row["source"], row["messages"], row["outcome"]) == (shop_stack.WORK, 1, "failed")


def test_an_invocation_by_hand(shop: ConsoleApi) -> None:
    answer = shop.post(f"/functions/{NAME}/invoke", {"payload": '{"number": 3}'})
    assert (answer["status"], json.loads(answer["payload"]), answer["error"]) == (200, {"done": True}, "")
    assert f"START RequestId: {answer['request_id']}" in answer["log"]
    assert invocation(shop, request_id=answer["request_id"])["event_id"] == ""
    failed = shop.post(f"/functions/{NAME}/invoke", {"payload": '{"fail": true}'})
    assert (failed["error"], json.loads(failed["payload"])["errorType"]) == ("Unhandled", "KeyError")
    later = shop.post(f"/functions/{NAME}/invoke", {"payload": "{}", "asynchronous": True})
    assert (later["status"], later["payload"]) == (202, "")
    assert invocation(shop, request_id=later["request_id"])["outcome"] == "succeeded"


def test_pages_of_invocations(shop: ConsoleApi) -> None:
    for _ in range(3):
        shop.post(f"/functions/{NAME}/invoke", {"payload": "{}"})
    rows = shop.get(f"/functions/{NAME}/invocations")["invocations"]
    first = shop.get(f"/functions/{NAME}/invocations", limit=2)
    second = shop.get(f"/functions/{NAME}/invocations", limit=2, next=first["next"])
    ids = [one["request_id"] for one in (*first["invocations"], *second["invocations"])]
    assert ids == [one["request_id"] for one in rows[: len(ids)]]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/functions/none", {}, 404),
        ("/functions/none/invocations", {}, 404),
        (f"/functions/{NAME}/invocations", {"next": "x"}, 400),
        (f"/functions/{NAME}/invocations", {"limit": 0}, 400),
        ("/functions", {"wrong": 1}, 400),
    ],
)
def test_what_is_refused(shop: ConsoleApi, path: str, query: dict[str, Any], status: int) -> None:
    with pytest.raises(ApiError) as error:
        shop.get(path, **query)
    assert error.value.status == status


def test_a_payload_that_is_no_json(shop: ConsoleApi) -> None:
    with pytest.raises(ApiError) as error:
        shop.post(f"/functions/{NAME}/invoke", {"payload": "{"})
    assert (error.value.status, error.value.code) == (400, "InvalidRequestContentException")
