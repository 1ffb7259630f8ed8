"""Deliveries in time: tried again as the policy says, given up when it says so, and not lost by a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from delivery_rig import put as put_events
from delivery_rig import router_over
from nightbus.aws.calls import Call, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_event_id
from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.invoker import ApiInvoker
from nightbus.delivery.dispatcher import Dispatcher, decide
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.jobs import Delivered, Failed, Job
from nightbus.delivery.rule_origin import RuleOrigin, retry_policy
from nightbus.delivery.rules import RULE, outcome_log, rule_key
from nightbus.messaging.queues import Queues
from nightbus.outbound.http_client import HttpClient
from nightbus.store.interface import PutRecord
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

HERE = Scope("000000000000", "us-east-1")
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


class Function:
    """Stands for the Lambda service: answers each call with the next of `answers`, the last one for ever."""

    def __init__(self, clock: VirtualClock, *answers: AwsError | None) -> None:
        self._clock = clock
        self._answers = list(answers)
        self.calls: list[int] = []

    async def call(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        assert (service, operation, params["FunctionName"]) == ("lambda", "Invoke", FUNCTION)
        assert call.caller.service == "events.amazonaws.com"
        self.calls.append(self._clock.now_ms())
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is not None:
            raise answer
        return {"StatusCode": 202}

    handle = call


def rule(policy: dict[str, int] | None = None) -> PutRecord:
    target: dict[str, Any] = {"Id": "t", "Arn": FUNCTION}
    if policy is not None:
        target["RetryPolicy"] = policy
    value = {
        "Name": "r", "EventBusName": "default", "EventPattern": '{"source": ["s"]}', "State": "ENABLED",
        "CreatedBy": HERE.account, "Targets": [target], "Tags": {},
    }  # fmt: skip
    return PutRecord(HERE, RULE, rule_key("default", "r"), value)


def event(source: str = "s") -> dict[str, Any]:
    return {"id": new_event_id(), "source": source, "detail-type": "d", "detail": {}}


async def outcomes(store: SqliteStore, event_id: str) -> list[dict[str, Any]]:
    found = await store.read(HERE, outcome_log("default"), key=event_id, limit=1000)
    return [orjson.loads(entry.data) for entry in found]


async def settled(clock: VirtualClock, seconds: float, step: float = 30.0) -> None:
    """Let that much time of the clock pass, giving threads their turn at each step."""
    passed = 0.0
    while passed < seconds:
        await clock.advance(min(step, seconds - passed))
        passed += step
        for _ in range(20):
            await asyncio.sleep(0.001)


async def run(
    store: SqliteStore, clock: VirtualClock, function: Function, seconds: float, step: float = 30.0
) -> None:
    dispatcher = Dispatcher(
        store,
        clock,
        function,
        "http://127.0.0.1:1",
        Queues(store, clock),
        ForwardingProcess({}),
        ApiInvoker(store, Vault(), HttpClient(), clock),
        router_over(store, clock),
    )
    running = asyncio.create_task(dispatcher.run())
    await settled(clock, seconds, step)
    await dispatcher.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_busy_target_is_tried_again_until_it_takes_the_event(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    busy = AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
    function = Function(clock, busy, busy, None)
    await store.commit(rule())
    put = event()
    await put_events(router_over(store, clock), HERE, "default", [put, event("other")])
    await run(store, clock, function, 60, 0.5)
    told = await outcomes(store, put["id"])
    assert [entry["outcome"] for entry in told] == ["will be tried again", "will be tried again", "delivered"]
    assert [entry["attempt"] for entry in told] == [1, 2, 3]
    assert len(function.calls) == 3
    assert function.calls == sorted(function.calls)
    assert function.calls[2] - function.calls[1] > function.calls[1] - function.calls[0]
    await store.close()


async def test_attempts_end_where_the_policy_ends_them(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    function = Function(clock, AwsError("ServiceException", "broken", 500))
    await store.commit(rule({"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}))
    put = event()
    await put_events(router_over(store, clock), HERE, "default", [put])
    await run(store, clock, function, 120, 0.5)
    assert [entry["outcome"] for entry in await outcomes(store, put["id"])] == [
        "will be tried again", "will be tried again", "failed",
    ]  # fmt: skip
    await store.close()


async def test_what_will_never_work_is_not_tried_again(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    function = Function(clock, AwsError("AccessDeniedException", "not authorized", 403))
    await store.commit(rule())
    put = event()
    await put_events(router_over(store, clock), HERE, "default", [put])
    await run(store, clock, function, 60)
    told = await outcomes(store, put["id"])
    assert [(entry["outcome"], entry["code"]) for entry in told] == [("failed", "AccessDeniedException")]
    assert len(function.calls) == 1
    await store.close()


async def test_a_restart_goes_on_with_what_was_not_delivered(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    await store.commit(rule())
    put = event()
    await put_events(router_over(store, clock), HERE, "default", [put])
    await store.close()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    function = Function(clock, None)
    await run(store, clock, function, 1)
    assert [entry["outcome"] for entry in await outcomes(store, put["id"])] == ["delivered"]
    await store.close()


@pytest.mark.parametrize(
    ("outcome", "attempt", "again"),
    [
        (Delivered(), 1, False),
        (Failed("X", "permanent", True), 1, False),
        (Failed("X", "for now", False), 1, True),
        (Failed("X", "for now", False), 185, True),
        (Failed("X", "for now", False), 186, False),
    ],
)
def test_the_decision_after_an_attempt(outcome: Any, attempt: int, again: bool) -> None:
    target = {"Id": "t", "Arn": FUNCTION}
    job = Job(target, b"{}", retry_policy(target), RuleOrigin(HERE, "default", "r", "arn", "id"), 0, attempt)
    assert (decide(job, outcome, 1000, 0.5).again_ms is not None) is again
