"""Does another bus get the very event by a delivery too, when it took nothing in the event's own commit?"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from delivery_rig import HERE, Services, event, put, put_rule, router_over
from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.invoker import ApiInvoker
from nightbus.delivery.dispatcher import Dispatcher
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.history import events_in
from nightbus.delivery.rules import BUS, history_log, outcome_log
from nightbus.messaging.queues import Queues
from nightbus.outbound.http_client import HttpClient
from nightbus.store.interface import PutRecord
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

THERE = Scope("222222222222", "us-west-2")
ARN = "arn:aws:events:us-west-2:222222222222:event-bus/orders"
ALLOW = {"Effect": "Allow", "Principal": {"AWS": HERE.account}, "Action": "events:PutEvents", "Resource": ARN}
BY_RULES = {
    **ALLOW, "Principal": {"Service": "events.amazonaws.com"},
    "Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:events:eu-west-1:111111111111:rule/r"}},
}  # fmt: skip


async def outcome(
    store: SqliteStore, clock: VirtualClock, sent: dict[str, Any], *statements: dict[str, Any], **target: Any
) -> dict[str, Any]:
    """Of the delivery of an event that was accepted before the other bus was made."""
    await put_rule(
        store, "r", pattern='{"version": ["0"]}', targets=[{"Id": "b", "Arn": ARN, "RoleArn": "", **target}]
    )
    await put(router_over(store, clock), HERE, "default", [sent])
    if statements:
        await store.commit(
            PutRecord(THERE, BUS, "orders", {"Name": "orders", "Statements": list(statements)})
        )
    dispatcher = Dispatcher(
        store, clock, Services(), "http://node", Queues(store, clock), ForwardingProcess({}),
        ApiInvoker(store, Vault(), HttpClient(), clock), router_over(store, clock),
    )  # fmt: skip
    running = asyncio.create_task(dispatcher.run())
    try:
        async with asyncio.timeout(10):
            while not (found := await store.read(HERE, outcome_log("default"))):
                await asyncio.sleep(0.002)
    finally:
        await dispatcher.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    told: dict[str, Any] = json.loads(found[-1].data)
    return told


async def arrived(store: SqliteStore) -> list[dict[str, Any]]:
    entries = await store.read(THERE, history_log("orders"))
    return [json.loads(text) for entry in entries for text, _ in events_in(entry.data)]


@pytest.mark.parametrize(
    "sent",
    [
        event("00000000-0000-0000-0000-000000000001", n=1),
        {**event("00000000-0000-0000-0000-000000000001"), "replay-name": "again"},
        {**event("00000000-0000-0000-0000-000000000001", "aws.events"), "detail-type": "Scheduled Event"},
        {**event("00000000-0000-0000-0000-000000000001"), "account": "333333333333", "resources": ["x"]},
    ],
)
@pytest.mark.parametrize("target", [{}, {"InputPath": "$"}])
async def test_it_gets_the_event_as_it_is_under_a_new_id(
    store: SqliteStore, clock: VirtualClock, sent: dict[str, Any], target: dict[str, Any]
) -> None:
    told = await outcome(store, clock, sent, BY_RULES, **target)
    assert told["outcome"] == "delivered"
    (found,) = await arrived(store)
    assert found == {**sent, "id": told["request_id"]}
    assert found["id"] != sent["id"]


async def test_it_gets_an_event_that_is_made_for_it(store: SqliteStore, clock: VirtualClock) -> None:
    made = {"source": "made", "detail-type": "x", "detail": {"n": 1}, "time": "2026-01-02T03:04:05Z"}
    await outcome(store, clock, event("e1"), BY_RULES, Input=json.dumps(made))
    (found,) = await arrived(store)
    assert {name: found[name] for name in made} == made
    # On the rule's side.
    assert (found["account"], found["region"], found["resources"]) == (*HERE, [])


async def test_a_time_without_a_zone_is_utc(store: SqliteStore, clock: VirtualClock) -> None:
    made = {"source": "made", "detail-type": "x", "detail": {}, "time": "2026-01-02T03:04:05"}
    await outcome(store, clock, event("e1"), BY_RULES, Input=json.dumps(made))
    (accepted,) = await arrived(store)
    assert accepted["time"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("statements", "target", "code"),
    [
        ((), {}, "ResourceNotFoundException"),
        (({**ALLOW, "Effect": "Deny"},), {}, "AccessDeniedException"),
        (({**BY_RULES, "Action": "events:PutRule"},), {}, "AccessDeniedException"),
        ((BY_RULES,), {"Input": '{"not": "an event"}'}, "INVALID_JSON"),
        ((BY_RULES,), {"Input": '"text"'}, "INVALID_JSON"),
        ((BY_RULES,), {"Input": json.dumps({**event("e1"), "time": "soon"})}, "INVALID_JSON"),
        (
            (BY_RULES,),
            {"Input": json.dumps({**event("e1"), "time": "0001-01-01T00:00:00+14:00"})},
            "INVALID_JSON",
        ),
        ((BY_RULES,), {"Input": json.dumps({**event("e1"), "detail": 5})}, "INVALID_JSON"),
        ((BY_RULES,), {"Input": json.dumps(event("e1", "aws.s3"))}, "NotAuthorizedForSourceException"),
    ],
)
async def test_what_it_does_not_take_is_not_tried_again(
    store: SqliteStore,
    clock: VirtualClock,
    statements: tuple[dict[str, Any], ...],
    target: dict[str, Any],
    code: str,
) -> None:
    told = await outcome(store, clock, event("e1"), *statements, **target)
    assert (told["outcome"], told["code"]) == ("failed", code)
    assert await arrived(store) == []
