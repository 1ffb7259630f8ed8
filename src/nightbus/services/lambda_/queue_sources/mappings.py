"""Runs one poller for each enabled event source mapping: from its queue, under the function's role, to its function."""

from __future__ import annotations

import asyncio

import orjson

from nightbus.aws.calls import Caller, Scope
from nightbus.delivery.polling.poller import MOST_AT_ONCE, Poller, PollerSettings
from nightbus.delivery.polling.queue_source import QueueSource
from nightbus.services.context import Platform
from nightbus.services.lambda_.event_source_settings import CHANGES, EVENT_SOURCE, patterns
from nightbus.services.lambda_.invocations.running import find_runnable
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.queue_sources.function_sink import FunctionSink
from nightbus.services.lambda_.role_session import role_session
from nightbus.store.interface import SYSTEM, Record
from nightbus.store.upkeep import one_of_many

_CHANGES_WAIT_SECONDS = 30.0
_LEASE_MS = 60_000


async def poll_queues(platform: Platform) -> None:
    """The worker: every enabled mapping has a poller, and a changed one gets a new poller."""
    pollers = _Pollers(platform)
    try:
        for scope in await platform.store.scopes(EVENT_SOURCE):
            for record in await platform.store.list(scope, EVENT_SOURCE):
                with one_of_many("the event source mapping", record.key):
                    await pollers.restart(scope, record.key)
        while True:
            for item in await platform.store.lease(SYSTEM, CHANGES, 100, _LEASE_MS, _CHANGES_WAIT_SECONDS):
                with one_of_many("the change of an event source mapping, item", item.id):
                    account, region, uuid = orjson.loads(item.data)
                    await pollers.restart(Scope(account, region), uuid)
                    await platform.store.commit(item.acknowledge())
    finally:
        await pollers.close()


class _Pollers:
    """`carrying` are the batches under way; they are carried through when their mapping changes."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._polling: dict[tuple[Scope, str], asyncio.Task[None]] = {}
        self._carrying: set[asyncio.Task[None]] = set()

    async def restart(self, scope: Scope, uuid: str) -> None:
        old = self._polling.pop((scope, uuid), None)
        if old is not None:
            old.cancel()
        record = await self._platform.store.get(scope, EVENT_SOURCE, uuid)
        if record is not None and record.value["enabled"]:
            poller = poller_of(self._platform, scope, record, self._carrying)
            self._polling[scope, uuid] = asyncio.create_task(poller.run())

    async def close(self) -> None:
        tasks = [*self._polling.values(), *self._carrying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def poller_of(platform: Platform, scope: Scope, record: Record, carrying: set[asyncio.Task[None]]) -> Poller:
    """Of an enabled mapping. Raises ValueError for filters that cannot be read."""
    value, config = record.value, record.value["config"]
    ref, queue_arn = function_ref(scope, value["function"]), str(value["source"])

    async def role() -> Caller:
        return await _role(platform, ref)

    return Poller(
        platform.clock,
        QueueSource(platform.operations, scope, queue_arn, platform.endpoint, role),
        FunctionSink(
            platform,
            ref,
            queue_arn,
            reports_failures="ReportBatchItemFailures" in config.get("FunctionResponseTypes", ()),
        ),
        PollerSettings(
            batch_size=config["BatchSize"],
            window_ms=config["MaximumBatchingWindowInSeconds"] * 1000,
            patterns=patterns(config.get("FilterCriteria", {}).get("Filters", ())),
            most_at_once=config.get("ScalingConfig", {}).get("MaximumConcurrency", MOST_AT_ONCE),
        ),
        carrying,
    )


async def _role(platform: Platform, ref: FunctionRef) -> Caller:
    """The function's role as it is now. Raises AwsError when there is no such function."""
    runnable = await find_runnable(platform.invocables, ref)
    return role_session(ref.scope.account, runnable.version["config"]["Role"], ref.name)
