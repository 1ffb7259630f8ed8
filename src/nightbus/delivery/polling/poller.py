"""Polls a source for records, drops those that no filter wants, and hands the others in batches to a sink.

A record is finished at its source after its sink has dealt with it, or after no filter wanted it. One that the sink did
not deal with comes again when the source says so; where a queue is the source, after its visibility timeout, until its
receives are used up and it goes to the queue's dead-letter queue.

As long as records wait, slowly more batches are carried at once, as on AWS; a poller that is cancelled gives back what
it has gathered, and its batches under way are carried through.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nightbus.aws.threads import aside
from nightbus.bus.patterns import Pattern
from nightbus.clock import Clock
from nightbus.delivery.polling.records import SourceRecord, batches, wanted_and_others

log = logging.getLogger("nightbus.delivery")

MOST_AT_ONCE = 1000
_WAIT_SECONDS = 20
_AGAIN_SECONDS = 5.0
_ENVELOPE = 600  # characters of a record beside its body
_FIRST_AT_ONCE = 5
_GROWTH_SECONDS = 0.2  # AWS adds up to 300 concurrent batches a minute while messages wait


class Source(Protocol):
    """Where records come from; `name` is its ARN."""

    @property
    def name(self) -> str: ...

    async def receive(self, limit: int, wait: int) -> list[SourceRecord]:
        """At most `limit` records, fewer where the source gives fewer at once, waiting up to `wait` seconds for the
        first one. Raises AwsError."""
        ...

    async def finish(self, records: Sequence[SourceRecord]) -> None:
        """The records are dealt with, and do not come again. Raises AwsError."""
        ...

    async def give_back(self, records: Sequence[SourceRecord]) -> None:
        """Nobody has begun with the records: others may have them at once. Raises AwsError."""
        ...


class Sink(Protocol):
    """Where records go; `name` is its ARN, `largest` the most bytes of JSON that a batch may have."""

    @property
    def name(self) -> str: ...

    @property
    def largest(self) -> int: ...

    async def send(self, records: Sequence[SourceRecord]) -> Sequence[SourceRecord]:
        """Those that are dealt with; the others come again. Raises AwsError where none is.

        A batch has as many records as the poller's settings say: a sink that takes fewer at once divides it. A record
        that can never be taken is to be left to come again, so that it gets to the dead-letter queue of its source.
        """
        ...


@dataclass(frozen=True, slots=True)
class PollerSettings:
    """`batch_size` is the most records of a batch, `window_ms` how long one is filled, `most_at_once` how many batches
    are carried at once; a record is wanted that one of `patterns` matches, or any where there are none."""

    batch_size: int
    window_ms: int = 0
    patterns: Sequence[Pattern] = ()
    most_at_once: int = MOST_AT_ONCE


class Poller:
    """`carrying` collects the batches under way, whose tasks outlive a poller that is cancelled."""

    def __init__(
        self,
        clock: Clock,
        source: Source,
        sink: Sink,
        settings: PollerSettings,
        carrying: set[asyncio.Task[None]],
    ) -> None:
        self._clock = clock
        self._source = source
        self._sink = sink
        self._settings = settings
        self._carrying = carrying
        self._running: set[asyncio.Task[None]] = set()
        self._at_once = _FIRST_AT_ONCE

    async def run(self) -> None:
        """Until cancelled."""
        trouble = ""  # logged once, since a queue or a function that was deleted may stay away for days
        while True:
            await self._room()
            try:
                await self._poll()
                trouble = ""
            except Exception as error:  # AWS's, or the store's while the disk is full
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("%s does not feed %s: %s", self._source.name, self._sink.name, error)
                await self._clock.sleep(_AGAIN_SECONDS)

    async def _room(self) -> None:
        """Wait until one batch more may be under way; as long as records wait, slowly more may."""
        if not self._running:
            self._at_once = _FIRST_AT_ONCE
        most = self._settings.most_at_once
        while len(self._running) >= min(self._at_once, most):
            timeout = _GROWTH_SECONDS if self._at_once < most else None
            ended, _ = await asyncio.wait(self._running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not ended:
                self._at_once += 1

    async def _poll(self) -> None:
        for batch in batches(await self._gather(), self._sink.largest):
            task = self._spawn(self._carry(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _gather(self) -> list[SourceRecord]:
        """What is there, or with a window what comes until it closes, or fills the largest batch. Raises AwsError."""
        size, window_ms = self._settings.batch_size, self._settings.window_ms
        records = await self._source.receive(size, _WAIT_SECONDS)
        ends = self._clock.now_ms() + window_ms
        try:
            while records and window_ms and len(records) < size and _length(records) < self._sink.largest:
                left_ms = ends - self._clock.now_ms()
                if left_ms <= 0:
                    break
                wait = min(math.ceil(left_ms / 1000), _WAIT_SECONDS)
                records += await self._source.receive(size - len(records), wait)
        except Exception as error:
            log.warning("%s does not fill a batch for %s: %s", self._source.name, self._sink.name, error)
        except asyncio.CancelledError:  # the settings changed: whoever polls now gets what was gathered
            self._spawn(self._give_back(records))
            raise
        return records

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Carried through when the poller is cancelled."""
        task = asyncio.create_task(work)
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        return task

    async def _give_back(self, records: Sequence[SourceRecord]) -> None:
        try:
            await self._source.give_back(records)
        except Exception as error:
            log.warning("%s: records for %s come again later: %s", self._source.name, self._sink.name, error)

    async def _carry(self, records: Sequence[SourceRecord]) -> None:
        """One batch: filter, sink, and back to the source what is dealt with."""
        try:
            wanted, others = await self._sort(records)
            if others:
                await self._source.finish(others)
            finished = await self._sink.send(wanted) if wanted else ()
            if finished:
                await self._source.finish(finished)
        except Exception as error:
            log.warning("%s: a batch for %s comes again: %s", self._source.name, self._sink.name, error)

    async def _sort(self, records: Sequence[SourceRecord]) -> tuple[list[SourceRecord], list[SourceRecord]]:
        """Those that the filters want, and the rest. In a thread where there are many, or long ones."""
        patterns = self._settings.patterns
        if not patterns:
            return list(records), []
        return await aside(_length(records), wanted_and_others, records, patterns)


def _length(records: Sequence[SourceRecord]) -> int:
    """In characters, as JSON, about."""
    return sum(_ENVELOPE + len(record["body"]) for record in records)
