"""Invokes a function with each batch of records, and reads from its answer which of them it has dealt with.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, services-sqs-errorhandling.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import orjson

from nightbus.aws.errors import AwsError
from nightbus.aws.threads import aside
from nightbus.aws.trace_header import with_lineages
from nightbus.delivery.polling.records import SourceRecord
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.destination_jobs import error_of
from nightbus.services.lambda_.invocations.running import Runnable, find_ready, run
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.lambda_.queue_sources.trace_notes import QueueNotes, messages_in
from nightbus.services.lambda_.settings.recursion import is_recursive, recursive_invocation
from nightbus.span_notes import BroughtNote

log = logging.getLogger("nightbus.lambda")


class FunctionSink:
    """Implements `nightbus.delivery.polling.poller.Sink`."""

    largest = 6 * 1024 * 1024  # of a synchronous invocation's payload

    def __init__(
        self, platform: Platform, ref: FunctionRef, source_arn: str, *, reports_failures: bool
    ) -> None:
        self.name = ref.qualified_arn
        self._platform = platform
        self._ref = ref
        self._source_arn = source_arn
        self._reports_failures = reports_failures

    async def send(self, records: Sequence[SourceRecord]) -> Sequence[SourceRecord]:
        runnable = await find_ready(self._platform, self._ref)
        looping = [one for one in records if is_recursive(self._ref, runnable.function, _trace(one))]
        if looping:
            records = [one for one in records if one not in looping]
            await self._refuse(looping)
        return await self._invoke(runnable, records) if records else ()

    async def _refuse(self, looping: Sequence[SourceRecord]) -> None:
        """Leave them to the queue, whose redrive policy ends the loop."""
        log.warning(
            "%s: %d messages are part of a recursive loop of %s", self._source_arn, len(looping), self.name
        )
        notes = QueueNotes(self._platform, self._ref.arn, self._source_arn, looping)
        error = recursive_invocation(self._ref)
        outcome = {"outcome": "failed", "code": error.code, "message": error.message}
        await notes.ended(asyncio.create_task(notes.began()), outcome)

    async def _invoke(self, runnable: Runnable, records: Sequence[SourceRecord]) -> Sequence[SourceRecord]:
        notes = QueueNotes(self._platform, self._ref.arn, self._source_arn, records)
        first_note = asyncio.create_task(notes.began())
        if self._platform.spans is not None:
            ids = tuple(messages_in(records))
            self._platform.spans.add(BroughtNote(notes.request_id, self._source_arn, ids))
        try:
            result = await run(
                self._platform,
                runnable,
                await aside(_length(records), orjson.dumps, {"Records": records}),
                request_id=notes.request_id,
                trace=with_lineages(_trace(records[0]), map(_trace, records[1:])),
            )
        except Exception as error:
            code = error.code if isinstance(error, AwsError) else type(error).__name__
            await notes.ended(first_note, {"outcome": "failed", "code": code, "message": str(error)})
            raise
        if result.error is not None:
            log.info(
                "%s: a batch failed in %s and comes again: %s", self._source_arn, self.name, result.error
            )
            await notes.ended(first_note, {"outcome": "failed", **error_of(result)})
            return ()
        finished = done(records, result.payload, self._reports_failures)
        await notes.ended(first_note, notes.outcome_of(finished))
        return finished


def _trace(record: SourceRecord) -> str:
    return str(record["attributes"].get("AWSTraceHeader", ""))


def _length(records: Sequence[SourceRecord]) -> int:
    return sum(len(record["body"]) for record in records)


def done(sent: Sequence[SourceRecord], answer: bytes, reports_failures: bool) -> Sequence[SourceRecord]:
    """The records that a function that ended well has dealt with: all but the `batchItemFailures` it reports.

    An answer that reports failures in another form counts as a failure of the whole batch.
    """
    if not reports_failures:
        return sent
    value = _parsed(answer or b"null")
    if value is None and answer not in (b"", b"null"):
        return []
    failures = value.get("batchItemFailures") if isinstance(value, dict) else None
    if not failures:
        return sent
    if not isinstance(failures, list):
        return []
    reported = [one.get("itemIdentifier") if isinstance(one, dict) else None for one in failures]
    ids = {record["messageId"] for record in sent}
    if not all(isinstance(one, str) and one in ids for one in reported):
        return []
    failed = set(reported)  # there may be ten thousand
    return [record for record in sent if record["messageId"] not in failed]


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
