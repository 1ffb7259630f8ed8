"""What the tests of delivery share: a store with rules in it, and services that take or refuse calls as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.bus.json_text import write_json
from nightbus.clock import Clock
from nightbus.delivery.backlog import Backlog
from nightbus.delivery.buses import Buses
from nightbus.delivery.interface import Batch, Event
from nightbus.delivery.router import Router
from nightbus.delivery.rules import RULE, rule_key
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.store.interface import Change, PutRecord, Store
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("111111111111", "eu-west-1")
FUNCTION = "arn:aws:lambda:eu-west-1:111111111111:function:f"
PATTERN = '{"source": ["shop"]}'


def open_store(folder: Path, clock: Clock) -> SqliteStore:
    return SqliteStore.open(folder / "data", clock, durable=False)


class Watched:
    """The real store; `commits` are the changes of every commit that was made through this."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.commits: list[tuple[Change, ...]] = []

    async def commit(self, *changes: Change, patience: float = 0.0) -> None:
        await self._store.commit(*changes, patience=patience)
        self.commits.append(changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Services:
    """The other side of `Operations`: every call is kept, and answered by the next of `answers`, then by `{}`."""

    def __init__(self, answers: Sequence[AwsError | Exception | dict[str, Any]] = ()) -> None:
        self.calls: list[tuple[str, dict[str, Any], Call]] = []
        self.answers = list(answers)

    async def call(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        self.calls.append((f"{service}:{operation}", dict(params), call))
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def handle(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> Mapping[str, Any]:
        return await self.call(service, operation, params, call)


async def put_rule(
    store: Store,
    name: str,
    *,
    bus: str = "default",
    pattern: str = PATTERN,
    state: str = "ENABLED",
    scope: Scope = HERE,
    targets: Sequence[Mapping[str, Any]] = ({"Id": "f", "Arn": FUNCTION},),
) -> None:
    value = {
        "EventBusName": bus,
        "Name": name,
        "EventPattern": pattern,
        "State": state,
        "Targets": [dict(target) for target in targets],
    }
    await store.commit(PutRecord(scope, RULE, rule_key(bus, name), value))


def event(event_id: str, source: str = "shop", **detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "order",
        "source": source,
        "account": HERE.account,
        "time": "2026-01-01T00:00:00Z",
        "region": HERE.region,
        "resources": [],
        "detail": detail,
    }


class NoFunctions:
    """A FunctionQueue that has none, so that a delivery is queued for each function."""

    async def enqueue(
        self, arn: str, caller: Caller, request_id: str, payload: bytes, time: int, trace: str, *, whole: bool
    ) -> None:
        return None


def router_over(store: Any, clock: Clock) -> Router:
    queues = Queues(store, clock)
    topics = Topics(store, queues, "http://node")
    return Router(store, clock, queues, topics, NoFunctions(), Backlog(store), Buses(store))


async def put(
    router: Router, scope: Scope, bus: str, events: Sequence[dict[str, Any]], trace: str = "", time: int = 0
) -> None:
    texts = [Event(one["id"], write_json(one).encode()) for one in events]
    await router.put([Batch(scope, bus, texts, time or router.clock.now_ms(), trace)])


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Let the loop run until it is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


def read_json(data: bytes) -> Any:
    return json.loads(data)
