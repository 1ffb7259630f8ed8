"""Tests the live stream's topics of traffic, invocations and queues."""

from __future__ import annotations

from collections.abc import Callable

import shop_stack
from api_requests import as_operator
from console_api import ConsoleApi
from live_stream import live
from nodes import RunningNode
from shop_stack import BUS, RULE


def test_invocations_come_as_they_end(
    shop: ConsoleApi, put: Callable[..., str], api_node: RunningNode
) -> None:
    caller = as_operator(api_node)
    wanted = {"account": shop_stack.ACCOUNT, "topics": "invocations"}
    with (
        live(caller, **wanted, function="shop-orders") as stream,
        live(caller, **wanted, function="x") as other,
    ):
        event_id = put(number=4)
        [row] = stream.rows("invocations", 1)
        assert (row["event_id"], row["outcome"], row["function"]) == (event_id, "succeeded", "shop-orders")
        assert other.id


def test_traffic_is_told_each_second(
    shop: ConsoleApi, put: Callable[..., str], api_node: RunningNode
) -> None:
    with live(as_operator(api_node), account=shop_stack.ACCOUNT, topics="traffic") as stream:
        put(number=5)
        while True:
            [told] = stream.rows("traffic", 1)
            flow = told["edges"].get(f"{BUS} matches {RULE}")
            if flow is not None and flow["count"]:
                break
        assert flow["rate"] == round(flow["count"] / told["seconds"], 3)


def test_queues_are_told_when_something_came_or_went(shop: ConsoleApi, api_node: RunningNode) -> None:
    sqs = api_node.client("sqs", account="878787878787")
    url = sqs.create_queue(QueueName="watched")["QueueUrl"]
    with live(as_operator(api_node), account="878787878787", topics="queues") as stream:
        [first] = stream.rows("queues", 1)
        assert first == {"name": "watched", "visible": 0, "in_flight": 0, "delayed": 0}
        sqs.send_message(QueueUrl=url, MessageBody="x")
        [sent] = stream.rows("queues", 1)
        assert (sent["visible"], sent["in_flight"]) == (1, 0)
