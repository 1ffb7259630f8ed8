"""Carries messages from queues to functions: one poller for each enabled mapping, under the function's role.

A message is deleted after its function has dealt with it. One that failed, or whose function did not run, becomes
visible again when its visibility timeout ends, and goes to the queue's dead-letter queue when its receives are used up.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.aws.calls import Call, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.threads import aside
from nightbus.bus.patterns import Pattern
from nightbus.messaging.queue import queue_place, url_path
from nightbus.services.context import Platform
from nightbus.services.lambda_.event_source_settings import CHANGES, EVENT_SOURCE, patterns
from nightbus.services.lambda_.invocations.destination_jobs import error_of
from nightbus.services.lambda_.invocations.running import Runnable, find_runnable, run
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.queue_sources.batches import batches, done, record_of, wanted_and_others
from nightbus.services.lambda_.queue_sources.trace_notes import QueueNotes
from nightbus.services.lambda_.role_session import role_session
from nightbus.store.interface import SYSTEM, Record
from nightbus.store.upkeep import one_of_many

log = logging.getLogger("nightbus.lambda")
_WAIT_SECONDS = 20
_AGAIN_SECONDS = 5.0
_CHANGES_WAIT_SECONDS = 30.0
_LEASE_MS = 60_000
_PER_RECEIVE = 10
_PER_DELETE = 10
_ENVELOPE = 600  # characters of a message beside its body
_FIRST_AT_ONCE = 5
_GROWTH_SECONDS = 0.2  # AWS adds up to 300 concurrent batches a minute while messages wait
_MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Mapping:
    """An enabled mapping, read for use."""

    scope: Scope
    uuid: str
    ref: FunctionRef
    queue_arn: str
    url_path: str
    batch_size: int
    window_ms: int
    patterns: list[Pattern]
    reports_failures: bool
    most_at_once: int

    @classmethod
    def of(cls, scope: Scope, record: Record) -> Mapping:
        value, config = record.value, record.value["config"]
        place = queue_place(value["source"])
        assert place is not None
        return cls(
            scope=scope,
            uuid=record.key,
            ref=function_ref(scope, value["function"]),
            queue_arn=value["source"],
            url_path=url_path(*place),
            batch_size=config["BatchSize"],
            window_ms=config["MaximumBatchingWindowInSeconds"] * 1000,
            patterns=patterns(config.get("FilterCriteria", {}).get("Filters", ())),
            reports_failures="ReportBatchItemFailures" in config.get("FunctionResponseTypes", ()),
            most_at_once=config.get("ScalingConfig", {}).get("MaximumConcurrency", _MOST_AT_ONCE),
        )


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
            poller = _Poller(self._platform, Mapping.of(scope, record), self._carrying)
            self._polling[scope, uuid] = asyncio.create_task(poller.run())

    async def close(self) -> None:
        tasks = [*self._polling.values(), *self._carrying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Poller:
    def __init__(self, platform: Platform, mapping: Mapping, carrying: set[asyncio.Task[None]]) -> None:
        self._platform = platform
        self._mapping = mapping
        self._carrying = carrying
        self._running: set[asyncio.Task[None]] = set()
        self._at_once = _FIRST_AT_ONCE

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._room()
            try:
                runnable = await find_runnable(self._platform.invocables, self._mapping.ref)
                records = await self._gather(runnable)
            except Exception as error:  # AWS's, or the store's while the disk is full
                log.warning("%s does not feed %s: %s", *self._names(), error)
                await self._platform.clock.sleep(_AGAIN_SECONDS)
                continue
            for batch in batches(records):
                task = self._spawn(self._carry(runnable, batch))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    def _names(self) -> tuple[str, str]:
        return self._mapping.queue_arn, self._mapping.ref.qualified_arn

    async def _room(self) -> None:
        """Wait until one batch more may be under way; as long as messages wait, slowly more may."""
        if not self._running:
            self._at_once = _FIRST_AT_ONCE
        while len(self._running) >= min(self._at_once, self._mapping.most_at_once):
            timeout = _GROWTH_SECONDS if self._at_once < self._mapping.most_at_once else None
            ended, _ = await asyncio.wait(self._running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not ended:
                self._at_once += 1

    async def _gather(self, runnable: Runnable) -> list[dict[str, Any]]:
        """A batch: what is there, or with a window what comes until it closes. Raises AwsError."""
        size, window_ms = self._mapping.batch_size, self._mapping.window_ms
        found = await self._receive(runnable, min(size, _PER_RECEIVE), _WAIT_SECONDS)
        ends = self._platform.clock.now_ms() + window_ms
        try:
            while found and window_ms and len(found) < size:
                left_ms = ends - self._platform.clock.now_ms()
                if left_ms <= 0:
                    break
                wait = min(math.ceil(left_ms / 1000), _WAIT_SECONDS)
                found += await self._receive(runnable, min(size - len(found), _PER_RECEIVE), wait)
        except Exception as error:
            log.warning("%s does not fill a batch for %s: %s", *self._names(), error)
        except asyncio.CancelledError:  # the mapping changed: whoever polls now gets what was gathered
            self._spawn(self._give_back(runnable, found))
            raise
        return found

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Carried through when the mapping changes."""
        task = asyncio.create_task(work)
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        return task

    async def _give_back(self, runnable: Runnable, records: Sequence[dict[str, Any]]) -> None:
        """Visible at once."""
        for start in range(0, len(records), _PER_DELETE):
            entries = [
                {"Id": str(at), "ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": 0}
                for at, record in enumerate(records[start : start + _PER_DELETE])
            ]
            request = {"QueueUrl": self._url, "Entries": entries}
            try:
                await self._platform.operations.call(
                    "sqs", "ChangeMessageVisibilityBatch", request, self._call(runnable)
                )
            except AwsError as error:
                log.warning("%s: a batch for %s waits for its visibility timeout: %s", *self._names(), error)

    async def _receive(self, runnable: Runnable, limit: int, wait: int) -> list[dict[str, Any]]:
        request = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": limit,
            "WaitTimeSeconds": wait,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        reply = await self._platform.operations.call("sqs", "ReceiveMessage", request, self._call(runnable))
        return [record_of(message, self._mapping.queue_arn) for message in reply.get("Messages") or ()]

    async def _carry(self, runnable: Runnable, records: list[dict[str, Any]]) -> None:
        """Invoke the function with those that its filters want; delete what is done."""
        try:
            wanted, over = await self._sort_out(records)
            if wanted:
                over += await self._invoke(runnable, wanted)
            for start in range(0, len(over), _PER_DELETE):
                await self._delete(runnable, over[start : start + _PER_DELETE])
        except Exception as error:
            log.warning("%s: a batch for %s comes again: %s", *self._names(), error)

    async def _sort_out(
        self, records: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Those that the function is to get, and the rest. In a thread where there are many, or long ones."""
        patterns = self._mapping.patterns
        if not patterns:
            return records, []
        size = sum(_ENVELOPE + len(record["body"]) for record in records)
        return await aside(size, wanted_and_others, records, patterns)

    async def _invoke(self, runnable: Runnable, records: list[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """What the function has dealt with."""
        notes = QueueNotes(self._platform, self._mapping.ref.arn, self._mapping.queue_arn, records)
        noting = asyncio.create_task(notes.began())
        try:
            result = await run(
                self._platform,
                runnable,
                orjson.dumps({"Records": records}),
                request_id=notes.request_id,
                trace=records[0]["attributes"].get("AWSTraceHeader", ""),
            )
        except AwsError as error:
            await notes.ended(noting, {"outcome": "failed", "code": error.code, "message": error.message})
            raise
        if result.error is not None:
            log.info("%s: a batch failed in %s and comes again: %s", *self._names(), result.error)
            await notes.ended(noting, {"outcome": "failed", **error_of(result)})
            return ()
        over = done(records, result.payload, self._mapping.reports_failures)
        await notes.ended(noting, notes.outcome_of(over))
        return over

    async def _delete(self, runnable: Runnable, records: Sequence[dict[str, Any]]) -> None:
        entries = [
            {"Id": str(at), "ReceiptHandle": record["receiptHandle"]} for at, record in enumerate(records)
        ]
        request = {"QueueUrl": self._url, "Entries": entries}
        await self._platform.operations.call("sqs", "DeleteMessageBatch", request, self._call(runnable))

    @property
    def _url(self) -> str:
        return self._platform.endpoint + self._mapping.url_path

    def _call(self, runnable: Runnable) -> Call:
        role, name = runnable.version["config"]["Role"], self._mapping.ref.name
        session = role_session(self._mapping.scope.account, role, name)
        return Call(self._mapping.scope, session, self._platform.endpoint)
