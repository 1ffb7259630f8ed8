"""A running node for each file of tests of the console's API, with a data folder: its operator key lies there.

A node of its own, since the overview, the map and the lists show whatever any test has made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

import shop_stack
from console_api import ConsoleApi
from nodes import RunningNode


@pytest.fixture(scope="module")
def api_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("console") / "data")
    yield running
    assert running.stop() == 0


@pytest.fixture
def api(api_node: RunningNode) -> Callable[..., ConsoleApi]:
    """`api()`, `api(account="123456789012")`."""
    return lambda **scope: ConsoleApi(api_node, **scope)


@pytest.fixture(scope="module")
def shop(api_node: RunningNode) -> ConsoleApi:
    """The API over the account of the deployed shop."""
    cloudformation = api_node.client("cloudformation", account=shop_stack.ACCOUNT)
    cloudformation.create_stack(
        StackName=shop_stack.NAME, TemplateBody=shop_stack.template(), Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=shop_stack.NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    return ConsoleApi(api_node, account=shop_stack.ACCOUNT)


@pytest.fixture
def put(api_node: RunningNode) -> Callable[..., str]:
    """`put(fail=True)`: an order on the shop's bus; its id."""
    events = api_node.client("events", account=shop_stack.ACCOUNT)

    def put_order(**detail: object) -> str:
        entry = {"Source": "shop.orders", "DetailType": "Order", "EventBusName": "shop"}
        reply = events.put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])
        return str(reply["Entries"][0]["EventId"])

    return put_order
