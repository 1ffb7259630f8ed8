"""Runs one poller for each enabled event source mapping: from its queue, under the function's role, to its function."""

from __future__ import annotations

import asyncio
import logging

from nightbus.aws.calls import Caller, Scope
from nightbus.delivery.polling.poller import MOST_AT_ONCE, Poller, PollerSettings
from nightbus.delivery.polling.queue_source import QueueSource
from nightbus.services.context import Platform
from nightbus.services.lambda_.event_source_settings import EVENT_SOURCE, patterns
from nightbus.services.lambda_.invocations.running import find_runnable
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.queue_sources.function_sink import FunctionSink
from nightbus.services.lambda_.role_session import role_session
from nightbus.store.duties import end_duty, on_duty
from nightbus.store.interface import Record, RecordName, Store, Touched
from nightbus.store.upkeep import is_passing, one_of_many

log = logging.getLogger("nightbus.lambda")
_AGAIN_SECONDS = 5.0  # while the store fails


async def poll_queues(platform: Platform) -> None:
    """The worker: every enabled mapping has a poller, on one node at a time, and a changed one gets a new poller.

    The feed says which mappings changed, whichever node the change was asked of; a poller is a duty, so another node
    polls when one dies.
    """
    pollers, changed = _Pollers(platform), _ChangedMappings()
    unwatch = platform.store.watch(changed.note, [EVENT_SOURCE])
    try:
        while True:
            failed: list[RecordName] = []
            for scope, uuid in await changed.take(platform.store):
                with one_of_many("the event source mapping", uuid):
                    try:
                        await pollers.restart(scope, uuid)
                    except Exception as failure:
                        if is_passing(failure):
                            failed.append(RecordName(scope, EVENT_SOURCE, uuid))
                        raise
            if failed:
                await platform.clock.sleep(_AGAIN_SECONDS)
                changed.note(Touched(failed))
    finally:
        unwatch()
        await pollers.close()


class _ChangedMappings:
    """The mappings that changed since they were taken; at first, and after a gap in the feed, all of them."""

    def __init__(self) -> None:
        self._names: dict[tuple[Scope, str], None] = {}
        self._any = True
        self._noted = asyncio.Event()
        self._noted.set()

    def note(self, touched: Touched | None) -> None:
        if touched is None:
            self._any = True
        else:
            self._names.update({(name.scope, name.key): None for name in touched.records})
        self._noted.set()

    async def take(self, store: Store) -> list[tuple[Scope, str]]:
        """Wait until there are some."""
        await self._noted.wait()
        self._noted.clear()
        if self._any:
            self._any = False
            for scope in await store.scopes(EVENT_SOURCE):
                for record in await store.list(scope, EVENT_SOURCE):
                    self._names[scope, record.key] = None
        names, self._names = list(self._names), {}
        return names


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
        if record is None:
            await end_duty(self._platform.store, _duty(uuid))
        elif record.value["enabled"]:
            poller = poller_of(self._platform, scope, record, self._carrying)
            self._polling[scope, uuid] = asyncio.create_task(self._poll(uuid, poller))

    async def _poll(self, uuid: str, poller: Poller) -> None:
        store, clock = self._platform.store, self._platform.clock
        while True:
            try:
                await on_duty(store, clock, _duty(uuid), poller.run)
            except Exception:  # the store's, while the disk is full
                log.exception("polling for event source mapping %s begins again", uuid)
            await clock.sleep(_AGAIN_SECONDS)

    async def close(self) -> None:
        tasks = [*self._polling.values(), *self._carrying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _duty(uuid: str) -> str:
    return f"event source mapping {uuid}"


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
