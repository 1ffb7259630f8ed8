"""Tests the overview and the series of its charts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from console_api import ApiError, ConsoleApi
from shop_stack import DEAD
from waiting import wait_for


def test_what_is_deployed_and_what_happened(shop: ConsoleApi, put: Callable[..., str]) -> None:
    found = shop.get("/overview")
    counts = {
        kind: found["counts"][kind] for kind in ("bus", "rule", "schedule", "function", "queue", "topic")
    }
    assert counts == {"bus": 2, "rule": 1, "schedule": 1, "function": 1, "queue": 3, "topic": 1}
    assert found["stacks"] == ["shop"]
    [stack] = [one for one in found["happened"] if one["kind"] == "stack"]
    assert (stack["about"], stack["text"], stack["failed"]) == ("shop", "CREATE_COMPLETE", False)
    assert found["totals"]["nightbus_events_accepted_total"] >= 0


def test_failures_come_first(shop: ConsoleApi, put: Callable[..., str]) -> None:
    put(fail=True)

    def failing() -> dict[str, str]:
        return {one["id"]: one["why"] for one in shop.get("/overview")["failing"]}

    assert "dead letter" in wait_for(lambda: failing().get(DEAD))
    happened = shop.get("/overview")["happened"]
    failed = next(one for one in happened if one["kind"] == "invocation")
    assert (failed["about"], failed["text"], failed["failed"]) == ("shop-orders", "KeyError: 'order'", True)
    shop.empty("shop-dead")
    assert DEAD not in failing()


def test_series(shop: ConsoleApi) -> None:
    names = shop.get("/series")["names"]
    assert {"nightbus_events_accepted_total", "nightbus_invocations_running"} <= set(names)
    told = shop.get("/series", name=",".join(names), seconds=600)
    assert (told["step"], sorted(told["series"])) == (10, names)
    for line in told["series"].values():
        assert len(line["times"]) == len(line["values"])


@pytest.mark.parametrize(
    "query", [{"name": "none"}, {"seconds": 1}, {"seconds": 3601}, {"name": ",".join("x" * 40)}]
)
def test_series_that_there_are_not(shop: ConsoleApi, query: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as error:
        shop.get("/series", **query)
    assert error.value.status == 400
