"""Tests what the API shows of stacks."""

from __future__ import annotations

import json

import pytest

import shop_stack
from console_api import ApiError, ConsoleApi


def test_the_list(shop: ConsoleApi) -> None:
    [stack] = shop.get("/stacks")["stacks"]
    assert (stack["name"], stack["status"], stack["description"]) == ("shop", "CREATE_COMPLETE", "A shop")
    assert (stack["resources"], stack["parent"]) == (len(shop_stack.TEMPLATE["Resources"]), "")


def test_one_stack(shop: ConsoleApi) -> None:
    found = shop.get("/stacks/shop")
    resources = {one["logical_id"]: one for one in found["resources"]}
    assert set(resources) == set(shop_stack.TEMPLATE["Resources"])
    orders = resources["Orders"]
    assert (orders["arn"], orders["physical_id"]) == (shop_stack.FUNCTION, "shop-orders")
    assert (resources["Rule"]["arn"], resources["Work"]["arn"]) == (shop_stack.RULE, shop_stack.WORK)
    assert resources["Role"]["arn"] == ""
    assert found["outputs"] == [
        {"key": "Function", "value": shop_stack.FUNCTION, "description": "takes orders", "export": ""}
    ]
    parameters = {one["key"]: one["value"] for one in found["parameters"]}
    assert parameters == {"Secret": "****", "Stage": "test"}
    assert json.loads(found["template"]) == shop_stack.TEMPLATE


def test_its_events_in_pages(shop: ConsoleApi) -> None:
    seen, token = [], ""
    while token is not None:
        page = shop.get("/stacks/shop/events", limit=7, next=token)
        seen += page["events"]
        token = page["next"]
    assert (seen[0]["logical_id"], seen[0]["status"]) == ("shop", "CREATE_COMPLETE")
    assert (seen[-1]["logical_id"], seen[-1]["status"]) == ("shop", "CREATE_IN_PROGRESS")
    assert len({one["id"] for one in seen}) == len(seen)


@pytest.mark.parametrize("path", ["/stacks/none", "/stacks/none/events"])
def test_a_stack_that_is_not_there(shop: ConsoleApi, path: str) -> None:
    with pytest.raises(ApiError) as error:
        shop.get(path)
    assert error.value.status == 404
